// A certified server, oidc-provider, at the addresses of a tenant; entra.rs signs in to it with the program's own flows.
// Arguments: the file with the server's key, its certificate, the file with the client's key. Prints its port.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const [key, cert, clientKey] = process.argv.slice(2).map((file) => readFileSync(file));
const server = createServer({ key, cert });
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const port = server.address().port;
const base = '/contoso.onmicrosoft.com/oauth2/v2.0';
const jwk = (kind) => ({ ...createPublicKey(clientKey).export({ format: 'jwk' }), use: 'sig', alg: kind });
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const person = (client_id) => ({
  client_id,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token', device],
  redirect_uris: ['http://localhost'],
});
const machine = (client_id, more) => ({
  client_id,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  ...more,
});
const signed = (client_id, alg) => machine(client_id, {
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: alg,
  jwks: { keys: [jwk(alg)] },
});
const provider = new Provider(`https://localhost:${port}`, {
  clients: [
    person('1950a258-227b-4e31-a9cf-717495945fc2'),
    person('fb78d390-0c51-40cd-8e17-fdbfab77341b'),
    machine('with-secret', { client_secret: 'peer-secret', token_endpoint_auth_method: 'client_secret_post' }),
    signed('with-ps256', 'PS256'),
    signed('with-rs256', 'RS256'),
  ],
  clientAuthMethods: ['client_secret_post', 'private_key_jwt', 'none'],
  jwks: { keys: [{ ...createPrivateKey(clientKey).export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'one' }] },
  claims: { openid: ['sub'], profile: ['name'] },
  cookies: { keys: ['peer'] },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) => /https:\/\/[^/ ]+(?=\/\.default)/.exec(ctx.oidc.params.scope ?? '')?.[0],
      getResourceServerInfo: (ctx, resource) => ({
        scope: `${resource}/.default`,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 3600,
        jwt: { sign: { alg: 'RS256' } },
      }),
      useGrantedResource: () => true,
    },
  },
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  routes: {
    authorization: `${base}/authorize`,
    token: `${base}/token`,
    device_authorization: `${base}/devicecode`,
    code_verification: '/devicelogin',
  },
});
for (const event of ['server_error', 'grant.error', 'authorization.error']) {
  provider.on(event, (ctx, error) => console.error(event, error.error, error.error_description ?? error.stack));
}
server.on('request', provider.callback());
console.log(`listening ${port}`);
