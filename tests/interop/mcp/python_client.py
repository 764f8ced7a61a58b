"""The client of the MCP project for Python, with its OAuthClientProvider.

It speaks with the tests in lines of JSON. It reads calls of tools, and answers each with the tool's text or an error. In between it
writes each request that it has sent, with its answer, and where the user has to go; then it reads where the user was sent back to.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

from httpx2 import AsyncClient
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata


class Storage:
    """Keeps what the provider has."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def write(**message):
    print(json.dumps(message), flush=True)


async def read():
    line = await asyncio.to_thread(sys.stdin.readline)
    return json.loads(line) if line else None


async def send_user(url):
    write(authorize=url)


async def user_is_back():
    url = (await read())["answer"]
    answer = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))


async def record(response):
    request = response.request
    # The stream of an MCP server does not end.
    is_json = response.headers.get("content-type", "").startswith("application/json")
    if is_json:
        await response.aread()
    write(
        exchange={
            "method": request.method,
            "url": str(request.url),
            "headers": dict(request.headers),
            "body": request.content.decode() or None,
            "status": response.status_code,
            "challenge": response.headers.get("www-authenticate"),
            "answer": response.json() if is_json else None,
        }
    )


async def watch(client, name):
    said = 0

    async def progress(*_):
        nonlocal said
        said += 1

    try:
        await client.call_tool(name, {}, progress_callback=progress)
        write(said=said, tells="a result")
    except Exception:
        write(said=said, tells="an error")


async def main(url, mode, redirect_uri):
    metadata = OAuthClientMetadata(
        client_name="interop",
        redirect_uris=[redirect_uri],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="none",
    )
    provider = OAuthClientProvider(url, metadata, Storage(), send_user, user_is_back)
    hooks = {"response": [record]}
    async with (
        AsyncClient(auth=provider, event_hooks=hooks) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        write(connected=True)
        while call := await read():
            if "watch" in call:
                await watch(client, call["watch"])
                continue
            try:
                result = await client.call_tool(call["call"], call["arguments"])
                write(text=result.content[0].text)
            except Exception as error:
                write(error=f"{type(error).__name__}: {error}")


asyncio.run(main(*sys.argv[1:]))
