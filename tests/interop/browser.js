// A user with a browser.
import assert from 'node:assert/strict';
import { parse } from 'node-html-parser';

/** Follows redirects, keeps cookies, and does on each page what the server's user does there. */
export class Browser {
  #cookies = new Map();

  /** From an authorization request, or one to sign out, to the URL to which the server sends the user back. */
  async authorize(start, server, redirectUri) {
    let [url, form] = [new URL(start)];
    for (let pages = 0; pages < 20; pages += 1) {
      const response = await this.request(url, form && { method: 'POST', body: new URLSearchParams(form) });
      const text = await response.text();
      if (response.status >= 300 && response.status < 400) {
        [url, form] = [new URL(response.headers.get('location'), url)];
      } else {
        assert(response.ok, `${url}: ${response.status} ${text}`);
        [url, form] = await server.answer({ url, text }, this);
      }
      if (url.href.startsWith(redirectUri)) return url;
    }
    throw new Error('the user has had enough of it');
  }

  /** One request, with the cookies for it. */
  async request(url, options) {
    const { pathname } = new URL(url);
    const fitting = [...this.#cookies.values()].filter(({ path }) => pathname.startsWith(path));
    const headers = { ...options?.headers, cookie: fitting.map(({ pair }) => pair).join('; ') };
    const response = await fetch(url, { ...options, headers, redirect: 'manual' });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair] = cookie.split(';');
      const path = /; *path=([^;]*)/i.exec(cookie)?.[1] ?? '/';
      this.#cookies.set(`${pair.split('=')[0]} ${path}`, { pair, path });
    }
    return response;
  }
}

/** Fills in the form of a page and submits it. `fields` may hold more than this page has. */
export function fillIn({ url, text }, fields) {
  const page = parse(text);
  const form = page.querySelector('form');
  assert.equal(form?.getAttribute('method')?.toLowerCase(), 'post', `no form to fill in at ${url}: ${text}`);
  const filledIn = {};
  const outside = page.querySelectorAll('button[form][name]').filter((button) => button.getAttribute('form') === form.id);
  for (const field of [...form.querySelectorAll('input[name], button[name]'), ...outside]) {
    const [name, value] = [field.getAttribute('name'), field.getAttribute('value') ?? ''];
    const isButton = field.tagName === 'BUTTON' || field.getAttribute('type') === 'submit';
    // A button is sent only if it is pressed.
    if (name in fields || !isButton) filledIn[name] = fields[name] ?? value;
  }
  return [new URL(form.getAttribute('action') || url, url), filledIn];
}
