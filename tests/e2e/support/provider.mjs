// A real OpenID provider and a host application that logs in there: authorization code with PKCE, JWT access tokens for the chat, logout by
// the provider's own page, and logout tokens from the provider to Gantry.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

/** Longer than any test runs. */
const TOKEN_LIFE_SECONDS = 600;

export class OpenIdProvider {
  /** The client that the host application is. */
  client = 'fernway-web';
  /** What its access tokens are for: the chat as an API. */
  audience = 'https://chat.fernway.example';
  /** The logouts that the provider has brought to Gantry, and those that it could not. */
  told = [];
  failed = [];

  /** Provider and host application listen, and answer when they know where Gantry is. */
  static async start() {
    const provider = new OpenIdProvider();
    const opened = new Promise((resolve) => { provider.open = resolve; });
    [provider.login, provider.host] = [await listen(), await listen()];
    [provider.url, provider.hostUrl] = [urlOf(provider.login), urlOf(provider.host)];
    provider.login.on('request', async (request, response) => { await opened; provider.answer(request, response); });
    provider.host.on('request', (request, response) => provider.page(request, response));
    return provider;
  }

  /** Begins to serve, for this Gantry. */
  async serve(gantry) {
    const html = await readFile(new URL('provider-host.html', import.meta.url), 'utf8');
    const values = { GANTRY: gantry, PROVIDER: this.url, CLIENT: this.client, AUDIENCE: this.audience };
    this.html = html.replaceAll(/\{\{(\w+)\}\}/g, (_, name) => values[name]);
    this.provider = new Provider(this.url, this.configuration(gantry));
    this.provider.on('backchannel.success', (ctx, client, accountId, sid) => this.told.push({ accountId, sid }));
    this.provider.on('backchannel.error', (ctx, error) => this.failed.push(error));
    this.open();
  }

  configuration(gantry) {
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    const provider = this;
    return {
      clients: [{
        client_id: this.client,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [`${this.hostUrl}/`],
        post_logout_redirect_uris: [`${this.hostUrl}/logged-out`],
        backchannel_logout_uri: `${gantry}/_gantry/backchannel-logout`,
        backchannel_logout_session_required: true,
      }],
      jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: 'the key of the provider' }] },
      cookies: { keys: [randomBytes(32).toString('hex')] },
      // By itself it calls no address of a private network, and everything here is on loopback.
      fetch: (url, { dispatcher, ...options }) => fetch(url, options),
      pkce: { required: () => true },
      clientBasedCORS: (ctx, origin) => origin === this.hostUrl,
      findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      // The session that a logout token will name, and who it is: so that each of a person's sessions can be ended by itself.
      extraTokenClaims: (ctx, token) => ({
        sid: token.sid, preferred_username: token.accountId, name: `${token.accountId} of the host`,
        email: `${token.accountId}@fernway.example`, email_verified: true,
      }),
      interactions: { url: (ctx, interaction) => `/log-in/${interaction.uid}` },
      // The host application is the provider's own, so nobody is asked for consent.
      async loadExistingGrant(ctx) {
        const { client, session } = ctx.oidc;
        const known = session.grantIdFor(client.clientId);
        if (known) return provider.provider.Grant.find(known);
        const grant = new provider.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
        grant.addOIDCScope('openid');
        grant.addResourceScope(provider.audience, 'chat');
        await grant.save();
        return grant;
      },
      ttl: { AccessToken: TOKEN_LIFE_SECONDS, Grant: 3600, IdToken: TOKEN_LIFE_SECONDS, Interaction: 600, Session: 3600 },
      features: {
        backchannelLogout: { enabled: true },
        devInteractions: { enabled: false },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource(ctx, form) {
            ctx.body = page(`<h1>Log out of everything?</h1>${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">Log out</button>`);
          },
        },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({
            scope: 'chat', audience: this.audience, accessTokenTTL: TOKEN_LIFE_SECONDS, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    };
  }

  async answer(request, response) {
    if (!request.url.startsWith('/log-in/')) return this.provider.callback()(request, response);
    if (request.method === 'GET') {
      response.setHeader('Content-Type', 'text/html');
      return response.end(page('<h1>Log in</h1><form method="post"><label>Name <input name="name"></label><button>Log in</button></form>'));
    }
    const chunks = await request.toArray();
    const accountId = new URLSearchParams(Buffer.concat(chunks).toString()).get('name');
    return this.provider.interactionFinished(request, response, { login: { accountId } });
  }

  page(request, response) {
    response.setHeader('Content-Type', 'text/html');
    response.end(request.url.startsWith('/logged-out') ? page('<h1>You are logged out</h1>') : this.html);
  }

  stop() {
    for (const server of [this.login, this.host]) {
      server?.close();
      server?.closeAllConnections();
    }
  }
}

const page = (body) => `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Fernway</title><link rel="icon" href="data:,"><body>${body}</body></html>`;

const urlOf = (server) => `http://127.0.0.1:${server.address().port}`;

async function listen() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
