// The authorization server that examples/me brings for development.
import { Api } from '../api.js';
import { Server } from './server.js';

/** It and the API are one process. */
export class ExampleMe extends Server {
  static title = 'examples/me';
  static notFor = { 'too little scope': 'it has one scope' };
  fields = { username: 'alice', password: 'wonderland', decision: 'allow' };
  subject = 'alice';

  constructor(options) {
    super('RS256');
    Object.assign(this, { options, nonces: options.includes('--dpop-nonce'), requiresProofs: options.includes('required') });
  }

  async start() {}

  async stop() {}

  async startApi(world) {
    const api = await Api.start({ ...world, options: this.options, issuer: undefined });
    [this.issuer, this.appUrl] = [api.urls['The authorization server, for development only,'], api.urls['The client app']];
    return api;
  }

  client(name) {
    if (name === 'public') return { id: 'demo-app', redirectUri: this.appUrl };
    const redirectUri = 'https://service.example.test/callback';
    return { id: 'demo-service', secret: 'a-secret-that-everybody-knows', redirectUri };
  }
}
