// Other people's client against the lab: msal-node, as it comes from the registry.
// Arguments: the client's id, its secret, the file with its key and certificate, the authority, the two services, and
// the command that plays the person at the browser.
import { execFileSync, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfidentialClientApplication, PublicClientApplication } from '@azure/msal-node';

const [clientId, clientSecret, file, authority, graph, online, ...person] = process.argv.slice(2);
const pem = readFileSync(file, 'utf8');
const at = pem.indexOf('-----BEGIN CERTIFICATE');
const thumbprintSha256 = createHash('sha256').update(new X509Certificate(pem.slice(at)).raw).digest('hex');
const auth = { authority, knownAuthorities: [new URL(authority).host] };
const check = (title, result) => {
  if (!result?.accessToken) throw new Error(`${title}: no token`);
  console.log(`ok      ${title}`);
  return result;
};

for (const [title, proof] of [
  ['secret', { clientSecret }],
  ['certificate, PS256', { clientCertificate: { thumbprintSha256, privateKey: pem.slice(0, at) } }],
]) {
  const application = new ConfidentialClientApplication({ auth: { ...auth, clientId, ...proof } });
  const result = await application.acquireTokenByClientCredential({ scopes: [`${graph}/.default`] });
  check(`msal-node: ${title}`, result);
}
for (const [client, service, title] of [
  ['1950a258-227b-4e31-a9cf-717495945fc2', graph, 'graph'],
  ['fb78d390-0c51-40cd-8e17-fdbfab77341b', online, 'exchange_online'],
]) {
  const scopes = [`${service}/.default`];
  const application = new PublicClientApplication({ auth: { ...auth, clientId: client } });
  check(`msal-node: device code, ${title}`, await application.acquireTokenByDeviceCode({
    scopes,
    deviceCodeCallback: (told) =>
      execFileSync(person[0], [...person.slice(1), told.verificationUri ?? told.verificationUrl, told.userCode]),
  }));
  const found = check(`msal-node: browser, ${title}`, await application.acquireTokenInteractive({
    scopes,
    openBrowser: async (address) => { spawn(person[0], [...person.slice(1), address], { stdio: 'inherit' }); },
  }));
  const silent = { scopes, account: found.account, forceRefresh: true };
  check(`msal-node: refresh, ${title}`, await application.acquireTokenSilent(silent));
}
