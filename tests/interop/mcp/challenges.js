// Challenges, as oauth4webapi reads them.
import * as oauth from 'oauth4webapi';

/** Those of an exchange that a client has had. */
export async function challenges({ status, challenge }) {
  const answer = async () => new Response('', { status, headers: { 'www-authenticate': challenge } });
  const options = { [oauth.customFetch]: answer };
  const url = new URL('https://mcp.example.test');
  const { cause } = await oauth.protectedResourceRequest('token', 'GET', url, undefined, undefined, options).catch((error) => error);
  return cause;
}
