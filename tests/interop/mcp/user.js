// The user of the example's authorization server, with a browser of their own.
import { Browser, fillIn } from '../browser.js';

const FIELDS = { username: 'alice', password: 'wonderland', decision: 'allow' };

/** Where clients want the user sent back. Nothing listens there: the user of the tests carries the answer over. */
export const REDIRECT_URI = 'http://127.0.0.1:8977/callback';

export class User {
  /** `redirectUri` is where the client wants the user sent back. */
  constructor(redirectUri = REDIRECT_URI) {
    this.redirectUri = redirectUri;
  }

  #browser = new Browser();
  /** The authorization requests that the client has sent the user with, and what it was answered. */
  authorizations = [];

  answer(page) {
    return fillIn(page, FIELDS);
  }

  /** Signs in and consents. Resolves to the URL with the client's answer. */
  async authorize(request) {
    const answer = await this.#browser.authorize(request, this, this.redirectUri);
    this.authorizations.push({ request: parameters(request), answer: parameters(answer) });
    return answer;
  }
}

/** Allows access for longer than the client has asked for. */
export class UserWhoStays extends User {
  authorize(request) {
    const longer = new URL(request);
    longer.searchParams.set('scope', `${longer.searchParams.get('scope')} offline_access`);
    return super.authorize(longer);
  }
}

const parameters = (url) => Object.fromEntries(new URL(url).searchParams);
