// What a new Rocket.Chat needs before Gantry can work with it. Two steps, each of which may be done again:
//
//   node setup.mjs secrets   makes the first administrator's password and the secret of users.createToken
//   node setup.mjs account   logs in as that administrator, gives the role `bot` the permissions that Gantry needs, makes the service
//                            account with that role and a personal access token, and writes Gantry's configuration
//
//   TRIAL_FOLDER     admin-password, create-token-secret: for Rocket.Chat and this script
//   GANTRY_FOLDER    gantry.yaml, auth-token, create-token-secret: for Gantry
//   ROCKETCHAT_URL, ADMIN_USERNAME, CONFIG_FILE (Gantry's, with the service account's id to be filled in): for `account`

import { createHash, randomBytes } from 'node:crypto';
import { chown, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const { TRIAL_FOLDER, GANTRY_FOLDER, ROCKETCHAT_URL, ADMIN_USERNAME = 'admin', CONFIG_FILE } = process.env;

/** The user of Gantry's image. */
const GANTRY_USER = 65532;
const USERNAME = 'gantry';
const ROLE = 'bot';
const TOKEN_NAME = 'gantry';
/** See the README, step 2. */
const PERMISSIONS = [
  'create-user', 'user-generate-access-token', 'view-full-other-user-info', 'api-bypass-rate-limit', 'create-personal-access-tokens',
  'edit-other-user-info',
];
/** Longest wait for Rocket.Chat to answer. */
const PATIENCE_MS = 300_000;

const random = () => randomBytes(32).toString('hex');
const text = async (...path) => (await readFile(join(...path), 'utf8')).trim();

/** Writes a secret once; what is there stays. Within its volume everybody may read it: Rocket.Chat's image has a user of its own. */
async function keep(name) {
  await writeFile(join(TRIAL_FOLDER, name), random(), { flag: 'wx', mode: 0o444 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Puts a file into Gantry's folder, wholly or not at all, for Gantry alone to read. */
async function give(name, content) {
  const file = join(GANTRY_FOLDER, name);
  // Of a run that broke off.
  await rm(`${file}.new`, { force: true });
  await writeFile(`${file}.new`, content, { mode: 0o400 });
  if (process.getuid() === 0) await chown(`${file}.new`, GANTRY_USER, GANTRY_USER);
  await rename(`${file}.new`, file);
}

async function secrets() {
  await keep('admin-password');
  await keep('create-token-secret');
  await give('create-token-secret', await text(TRIAL_FOLDER, 'create-token-secret'));
}

/** A REST call; the answer's JSON. */
async function call(path, { by, body, may = [] } = {}) {
  const headers = { 'Content-Type': 'application/json' };
  if (by) {
    Object.assign(headers, { 'X-User-Id': by.userId, 'X-Auth-Token': by.authToken });
    // Where Rocket.Chat asks once more who this is, it takes the password's digest.
    if (by.password) Object.assign(headers, { 'X-2fa-method': 'password', 'X-2fa-code': createHash('sha256').update(by.password).digest('hex') });
  }
  const answer = await fetch(`${ROCKETCHAT_URL}/api/v1/${path}`, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) });
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const kind = told.errorType ?? String(answer.status);
  if (may.includes(kind)) return undefined;
  throw new Error(`${path}: Rocket.Chat answers ${answer.status} ${told.error ?? told.message ?? ''}`);
}

async function logIn(user, password) {
  const { data } = await call('login', { body: { user, password } });
  return { ...data, password };
}

async function untilThere() {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(`${ROCKETCHAT_URL}/api/info`).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`${ROCKETCHAT_URL} does not answer`);
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
}

/** Whether an earlier run left everything, and Rocket.Chat still takes it. */
async function isDone() {
  const [config, authToken] = await Promise.all(['gantry.yaml', 'auth-token'].map((name) => text(GANTRY_FOLDER, name).catch(() => '')));
  const [, userId] = config.match(/^ +user_id: (\S+)$/m) ?? [];
  if (!userId || !authToken) return false;
  return Boolean(await call('me', { by: { userId, authToken }, may: ['401'] }));
}

/** Adds our role to whoever holds the permissions now; permissions.update sets all holders of a permission at once. */
async function permit(admin) {
  const { update } = await call('permissions.listAll', { by: admin });
  const permissions = PERMISSIONS.map((id) => {
    const known = update.find(({ _id }) => _id === id);
    if (!known) throw new Error(`this Rocket.Chat knows no permission ${id}`);
    return { _id: id, roles: [...new Set([...known.roles, ROLE])] };
  });
  await call('permissions.update', { by: admin, body: { permissions } });
}

/** The service account with a password of this run: it has no use for it once it has its token. */
async function makeAccount(admin) {
  const password = random();
  const known = await call(`users.info?username=${USERNAME}`, { by: admin, may: ['error-invalid-user', 'invalid-params', '400', '404'] });
  if (known) {
    const data = { password, roles: [...new Set([...known.user.roles, ROLE])] };
    await call('users.update', { by: admin, body: { userId: known.user._id, data } });
  } else {
    const body = { username: USERNAME, name: 'Gantry', email: 'gantry@fernway.example', password, roles: [ROLE], joinDefaultChannels: false };
    await call('users.create', { by: admin, body });
  }
  return logIn(USERNAME, password);
}

async function account() {
  await untilThere();
  if (await isDone()) { console.log('the service account is there'); return; }
  const admin = await logIn(ADMIN_USERNAME, await text(TRIAL_FOLDER, 'admin-password'));
  await permit(admin);
  const service = await makeAccount(admin);
  // A token of an earlier run that nobody has any more gives way.
  await call('users.removePersonalAccessToken', { by: service, body: { tokenName: TOKEN_NAME }, may: ['error-token-does-not-exists'] });
  const { token } = await call('users.generatePersonalAccessToken', { by: service, body: { tokenName: TOKEN_NAME, bypassTwoFactor: true } });
  await give('auth-token', token);
  const config = await readFile(CONFIG_FILE, 'utf8');
  if (!config.includes('filled-in-by-setup')) throw new Error(`${CONFIG_FILE} has no place for the service account's id`);
  // Last: with it everything is there.
  await give('gantry.yaml', config.replace('filled-in-by-setup', service.userId));
  for (const by of [service, admin]) await call('logout', { by, body: {} });
  console.log(`made the service account ${USERNAME}`);
}

const steps = { secrets, account };
const step = steps[process.argv[2]];
if (!step) throw new Error(`node setup.mjs ${Object.keys(steps).join(' | ')}`);
await step();
