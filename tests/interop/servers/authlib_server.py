"""A server around Authlib. The protocol is Authlib's. It leaves the clients, the user, the pages and the keys to its users, so they
are ours. Arguments: the port, the audience of the API, and a file with the keys, the first of which signs. With a further argument,
`client_secret_basic` or `client_secret_post`, the access tokens are opaque, and the client `api` introspects them by that method."""

import json
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from authlib.common.security import generate_token
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode, OpenIDToken, UserInfo
from flask import Flask, jsonify, redirect, request, session
from joserfc.jwk import KeySet
from werkzeug.serving import run_simple

PORT, AUDIENCE, KEYS = int(sys.argv[1]), sys.argv[2], sys.argv[3]
API_METHOD = sys.argv[4] if len(sys.argv) > 4 else None
ISSUER = f"http://127.0.0.1:{PORT}"
SCOPES = ["openid", "offline_access", "read:me", "write:me"]
REDIRECT_URI = "https://app.example.test/callback"


def keys():
    with open(KEYS) as file:
        return KeySet.import_key_set(json.load(file))


def signing_keys():
    """Of several keys, Authlib takes any one."""
    return KeySet(keys().keys[:1])


@dataclass
class User:
    name: str

    def get_user_id(self):
        return self.name


@dataclass
class Client(ClientMixin):
    client_id: str
    id_token_signed_response_alg: str = field(default_factory=lambda: keys().keys[0].alg)

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return REDIRECT_URI

    def get_allowed_scope(self, scope):
        return " ".join(word for word in (scope or "").split() if word in SCOPES)

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == REDIRECT_URI

    def check_client_secret(self, client_secret):
        return client_secret == "secret"

    def check_endpoint_auth_method(self, method, endpoint):
        return method == (API_METHOD if self.client_id == "api" else "client_secret_basic")

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in ["authorization_code", "refresh_token", "client_credentials"]


@dataclass
class Code(AuthorizationCodeMixin):
    client_id: str
    user: User
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self):
        return REDIRECT_URI

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return self.auth_time


@dataclass
class SavedToken(TokenMixin):
    client_id: str
    user: User
    scope: str
    kind: str
    expires_at: int
    audience: str
    revoked: bool = False

    def check_client(self, client):
        return self.client_id == client.client_id

    def get_scope(self):
        return self.scope

    def is_expired(self):
        return self.expires_at <= time.time()

    def is_revoked(self):
        return self.revoked


clients = {name: Client(name) for name in ["app", AUDIENCE, "api"]}
codes = {}
access_tokens = {}
refresh_tokens = {}


def save_token(token, authorized):
    """Authlib does not read the parameter of RFC 8707."""

    def saved(kind, lifetime):
        client_id, expires_at = authorized.client.client_id, int(time.time()) + lifetime
        audience = request.form.get("resource")
        return SavedToken(client_id, authorized.user, token["scope"], kind, expires_at, audience)

    access_tokens[token["access_token"]] = saved("Bearer", token["expires_in"])
    if "refresh_token" in token:
        refresh_tokens[token["refresh_token"]] = saved("refresh_token", 3600)


class AccessTokens(JWTBearerTokenGenerator):
    """The profile of RFC 9068. It does not read the parameter of RFC 8707, and leaves the audience to this method."""

    def get_jwks(self):
        return signing_keys()

    def get_audiences(self, client, user, scope):
        return request.form.get("resource") or super().get_audiences(client, user, scope)


class IdTokens(OpenIDCode):
    def resolve_client_private_key(self, client):
        return signing_keys()

    def get_client_claims(self, client):
        return {"iss": ISSUER}

    def exists_nonce(self, nonce, request):
        return any(code.nonce == nonce for code in codes.values())

    def generate_user_info(self, user, scope):
        return UserInfo(sub=user.name)


class AuthorizationCode(grants.AuthorizationCodeGrant):
    def save_authorization_code(self, code, request):
        asked = request.payload.data
        challenge = asked.get("code_challenge"), asked.get("code_challenge_method")
        codes[code] = Code(request.client.client_id, request.user, request.scope, asked.get("nonce"), *challenge)

    def query_authorization_code(self, code, client):
        found = codes.get(code)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code):
        codes.pop(self.request.form["code"])

    def authenticate_user(self, authorization_code):
        return authorization_code.user


class Refresh(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        return refresh_tokens.get(refresh_token)

    def authenticate_user(self, refresh_token):
        return refresh_token.user

    def revoke_old_credential(self, refresh_token):
        refresh_tokens.pop(self.request.form["refresh_token"])


class SavedTokens:
    """Both endpoints look among all tokens, whatever the hint says (RFC 7662 §2.1, RFC 7009 §2.1)."""

    CLIENT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def query_token(self, token_string, token_type_hint):
        return access_tokens.get(token_string) or refresh_tokens.get(token_string)


class Introspection(SavedTokens, IntrospectionEndpoint):
    """What is in an answer is left to `introspect_token`. This has what the documentation of Authlib shows, but for two values: the
    audience is not the client, and the type of a refresh token is not `Bearer`."""

    def check_permission(self, token, client, request):
        return client.client_id == "api"

    def introspect_token(self, token):
        claims = {
            "client_id": token.client_id,
            "token_type": token.kind,
            "scope": token.scope,
            "sub": token.user.name if token.user else token.client_id,
            "aud": token.audience,
            "iss": ISSUER,
            "exp": token.expires_at,
        }
        return {name: value for name, value in claims.items() if value is not None}


class Revocation(SavedTokens, RevocationEndpoint):
    def revoke_token(self, token, request):
        token.revoked = True


app = Flask(__name__)
app.secret_key = generate_token(32)
server = AuthorizationServer(app, clients.get, save_token)
generators = dict(
    refresh_token_generator=lambda **_: generate_token(48),
    expires_generator=lambda client, grant_type: 300,
)
if API_METHOD:
    tokens = BearerTokenGenerator(access_token_generator=lambda **_: generate_token(42), **generators)
    server.register_endpoint(Introspection)
    server.register_endpoint(Revocation)
else:
    tokens = AccessTokens(ISSUER, alg=keys().keys[0].alg, **generators)
server.register_token_generator("default", tokens)
server.register_grant(AuthorizationCode, [CodeChallenge(required=True), IdTokens(require_nonce=True)])
server.register_grant(Refresh)
server.register_grant(grants.ClientCredentialsGrant)


def page(*fields):
    return "<form method='post'>" + "".join(f"<input {field}>" for field in fields) + "</form>"


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    if "user" not in session:
        if request.form.get("password") != "password":
            return page("name='user'", "name='password' type='password'", "type='submit'")
        session["user"] = request.form["user"]
        return redirect(f"/authorize?{urlencode(request.args)}")
    user = User(session["user"])
    grant = server.get_consent_grant(end_user=user)
    if request.method == "GET":
        return page("type='submit' name='answer' value='no'", "type='submit' name='answer' value='yes'")
    consents = request.form.get("answer") == "yes"
    return server.create_authorization_response(grant=grant, grant_user=user if consents else None)


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/introspect")
def introspect():
    return server.create_endpoint_response(Introspection.ENDPOINT_NAME)


@app.post("/revoke")
def revoke():
    return server.create_endpoint_response(Revocation.ENDPOINT_NAME)


@app.get("/jwks")
def jwks():
    return jsonify(keys().as_dict(private=False))


@app.get("/.well-known/openid-configuration")
def metadata():
    return jsonify(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        introspection_endpoint=f"{ISSUER}/introspect",
        revocation_endpoint=f"{ISSUER}/revoke",
        jwks_uri=f"{ISSUER}/jwks",
        scopes_supported=SCOPES,
        response_types_supported=["code"],
        grant_types_supported=["authorization_code", "refresh_token", "client_credentials"],
        token_endpoint_auth_methods_supported=["client_secret_basic"],
        code_challenge_methods_supported=["S256"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=[keys().keys[0].alg],
    )


run_simple("127.0.0.1", PORT, app, threaded=True)
