// How messages are shown: without secrets, and one parameter on a line.

const SECRETS = ['code', 'access_token'];
export const abbreviate = (secret) => `${secret.slice(0, 8)}…`;
const withoutSecret = (name, value) => (SECRETS.includes(name) && typeof value === 'string' ? abbreviate(value) : value);

export const httpText = (start, headers, content) =>
  [start, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), ...(content ? ['', content] : [])].join('\n');
export const jsonText = (value) => JSON.stringify(value, withoutSecret, 2);
const parameterText = (parameters, separator) =>
  [...parameters].map(([name, value]) => `${name}=${withoutSecret(name, value)}`).join(separator);
export const queryText = (start, parameters) => `${start}\n  ?${parameterText(parameters, '\n  &')}`;

/** Header and claims, to be shown. What an access token means is the API's business: a client decides nothing by it. */
export function decode(token) {
  const json = (part) => {
    const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  };
  const parts = token.split('.');
  return { parts, header: json(parts[0]), claims: json(parts[1]) };
}
