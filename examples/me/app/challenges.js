// What a server says with a refusal.

/** The parameters of the challenge that says what was wrong. There is one challenge for each scheme that is accepted. */
export function refusal(response) {
  const challenges = parseChallenges(response.headers.get('WWW-Authenticate') ?? '');
  return challenges.find(({ parameters }) => parameters.error)?.parameters ?? {};
}

/**
 * RFC 9110 §11.6.1: challenges, each a scheme with a token68 or with parameters, and commas both between the parameters and
 * between the challenges. What is malformed contains no challenge.
 */
function parseChallenges(header) {
  const token = "[!#$%&'*+.^_`|~\\w-]+";
  const parameter = new RegExp(`[\\s,]*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))\\s*(?=,|$)`, 'y');
  const scheme = new RegExp(`[\\s,]*(${token})(?: +([\\w.~+/-]+=*)\\s*(?=,|$))?(?=[ ,]|$)`, 'y');
  const challenges = [];
  let at = 0;
  while (/[^\s,]/.test(header.slice(at))) {
    parameter.lastIndex = scheme.lastIndex = at;
    const current = challenges.at(-1);
    const [, name, quoted, plain] = (current && parameter.exec(header)) ?? [];
    if (name) {
      if (name.toLowerCase() in current.parameters) return [];
      current.parameters[name.toLowerCase()] = plain ?? quoted.replace(/\\(.)/g, '$1');
      at = parameter.lastIndex;
    } else {
      const [, found, token68] = scheme.exec(header) ?? [];
      if (!found) return [];
      challenges.push({ scheme: found.toLowerCase(), token68, parameters: Object.create(null) });
      at = scheme.lastIndex;
    }
  }
  return challenges;
}
