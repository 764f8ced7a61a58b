// LemonLDAP::NG, a portal for single sign-on in Perl.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEBIAN, ProcessServer } from './process.js';
import { REDIRECT_URI, SECRET } from './server.js';

const SHARE = join(DEBIAN, 'usr/share/lemonldap-ng');

/** Its portal alone, as one process, with its accounts for demonstrations. */
export class LemonldapNg extends ProcessServer {
  static title = 'lemonldap-ng';
  static notFor = {
    'no resource named': 'it knows no resource indicators (RFC 8707): a client has its audiences',
    'ID token for the API': 'each of its ID tokens is for the API too: see the row above',
    'old key, still published': 'it has one key',
  };
  path = '/';
  subject = 'dwho';
  fields = { user: 'dwho', password: 'dwho' };
  opaque = 'opaque';

  get environment() {
    return { PERL5LIB: join(DEBIAN, 'usr/share/perl5'), LLNG_DEFAULTCONFFILE: this.file('lemonldap-ng.ini') };
  }

  async prepare() {
    const folders = Object.fromEntries(['conf', 'sessions', 'locks', 'cache'].map((name) => [name, this.file(name)]));
    for (const folder of Object.values(folders)) mkdirSync(folder);
    writeFileSync(this.file('lemonldap-ng.ini'), `
[all]
logger = Lemonldap::NG::Common::Logger::Std
logLevel = warn
checkTime = 1

[configuration]
type = File
dirName = ${folders.conf}
localStorage = Cache::FileCache
localStorageOptions = { 'namespace' => 'configuration', 'cache_root' => '${folders.cache}' }

[portal]
staticPrefix = /static
templateDir = ${join(SHARE, 'portal/templates')}
languages = en
`);
    const storage = { Directory: folders.sessions, LockDirectory: folders.locks };
    const client = (id, options) => ({
      oidcRPMetaDataOptionsClientID: id,
      oidcRPMetaDataOptionsClientSecret: SECRET,
      oidcRPMetaDataOptionsRedirectUris: REDIRECT_URI,
      oidcRPMetaDataOptionsIDTokenSignAlg: this.algorithm,
      oidcRPMetaDataOptionsAccessTokenExpiration: 300,
      oidcRPMetaDataOptionsRequirePKCE: 1,
      oidcRPMetaDataOptionsAllowOffline: 1,
      oidcRPMetaDataOptionsAllowClientCredentialsGrant: 1,
      ...options,
    });
    const jwt = { oidcRPMetaDataOptionsAccessTokenJWT: 1, oidcRPMetaDataOptionsAccessTokenSignAlg: this.algorithm };
    writeFileSync(join(folders.conf, 'lmConf-1.json'), JSON.stringify({
      cfgNum: 1,
      cfgDate: 1,
      portal: this.issuer,
      domain: '127.0.0.1',
      locationRules: { '127.0.0.1': { default: 'accept' } },
      authentication: 'Demo',
      userDB: 'Same',
      passwordDB: 'Demo',
      demoExportedVars: { uid: 'uid', cn: 'cn', mail: 'mail' },
      macros: { _whatToTrace: '$uid' },
      whatToTrace: '_whatToTrace',
      globalStorage: 'Apache::Session::File',
      globalStorageOptions: storage,
      persistentStorage: 'Apache::Session::File',
      persistentStorageOptions: storage,
      localSessionStorage: 'Cache::FileCache',
      localSessionStorageOptions: { namespace: 'sessions', cache_root: folders.cache },
      issuerDBOpenIDConnectActivation: 1,
      oidcRPMetaDataOptions: {
        app: client('app', { ...jwt, oidcRPMetaDataOptionsAdditionalAudiences: this.audience }),
        elsewhere: client('elsewhere', jwt),
        opaque: client('opaque'),
      },
      oidcRPMetaDataExportedVars: { app: {}, elsewhere: {}, opaque: {} },
    }));
    await this.#newKey();
  }

  command() {
    const psgi = join(SHARE, 'portal/htdocs/index.psgi');
    return ['plackup', '--env', 'deployment', '--host', '127.0.0.1', '--port', `${this.port}`, psgi];
  }

  /** By its own script. It publishes one key, and sees within a second that there is another. */
  async rotate() {
    const keys = `${this.issuer}oauth2/jwks`;
    const kid = async (response) => (await response.json()).keys[0].kid;
    const old = await kid(await fetch(keys));
    await this.#newKey();
    await this.answers(keys, async (response) => (await kid(response)) !== old);
  }

  #newKey() {
    return this.run('perl', join(SHARE, 'bin/rotateOidcKeys'));
  }

  async elsewhere(Client) {
    const client = await Client.discover(this, 'elsewhere');
    return (await client.clientCredentials()).access_token;
  }
}
