// Rooms embedded by ticket in a host application's page, in a browser that keeps third-party cookies apart and gives frames of
// other sites no storage. Names below `localhost` are this machine's, each a site of its own, and trusted as if over TLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { Stage } from './support/stage.mjs';

const SECRET_WORDS = 'nobody but Alice may read this';

/** A host application whose pages are a frame each. */
class Host {
  static async serve() {
    const host = new Host();
    host.server = createServer((request, response) => {
      const frame = new URL(request.url, host.origin).searchParams.get('frame') ?? 'about:blank';
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(`<!doctype html><title>Host</title><iframe id="room" width="900" height="600" src="${frame.replaceAll('&', '&amp;')}"></iframe>`);
    });
    host.server.listen(0, '127.0.0.1');
    await once(host.server, 'listening');
    host.origin = `http://host.localhost:${host.server.address().port}`;
    return host;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** Where Gantry stands, seen from the host application's pages. */
const PLACES = { 'on another site': 'chat.localhost', 'on the host\'s own site': 'chat.host.localhost' };

let host;
let browser;
const stages = new Map();

before(async () => {
  host = await Host.serve();
  browser = await Browser.start();
  const config = { proxy: { frame_ancestors: [host.origin] } };
  for (const [place, name] of Object.entries(PLACES)) stages.set(place, await Stage.set({ name, config }));
});

after(async () => {
  await browser?.stop();
  for (const stage of stages.values()) await stage.stop();
  host?.stop();
});

/** A call of the host application's back end, as somebody. */
async function call(stage, path, jwt, body) {
  const headers = { Authorization: `Bearer ${jwt}`, 'Content-Type': 'application/json' };
  const answer = await fetch(`${stage.near.url}${path}`, { method: 'POST', headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${path} answers with ${answer.status}`);
  return answer.status === 204 ? {} : answer.json();
}

/** Opens a room for somebody in a page of the host application. */
async function embed({ page }, stage, jwt, room) {
  const { ticket } = await call(stage, '/_gantry/ticket', jwt);
  const frame = `${stage.url}/_gantry/enter?${new URLSearchParams({ ticket, to: `${room}?layout=embedded` })}`;
  await page.goto(`${host.origin}/?${new URLSearchParams({ frame })}`);
  return page.frameLocator('#room');
}

/** A room of Alice's own with something to read in it. */
async function diary(stage, jwt) {
  const { group } = await call(stage, '/api/v1/groups.create', jwt, { name: `diary-${Date.now()}` });
  await call(stage, '/api/v1/chat.sendMessage', jwt, { message: { rid: group._id, msg: SECRET_WORDS } });
  return `/group/${group.name}`;
}

/** Whose the frame is, as Gantry sees its own page there. */
const whose = ({ page }) => page.frames()[1].evaluate(async () => (await (await fetch('/_gantry/session')).json()).username);

test('a room is embedded on another site by ticket, and works though third-party cookies are kept apart', async (t) => {
  const stage = stages.get('on another site');
  const jwt = stage.issuer.jwt('carol');
  const visit = await browser.visit();
  t.after(() => visit.close());

  const room = await embed(visit, stage, jwt, '/channel/general');

  await room.getByRole('textbox', { name: 'Message' }).fill('Hello from a frame');
  await room.getByRole('button', { name: 'Send' }).click();
  await room.locator('.message:not(.pending)', { hasText: 'Hello from a frame' }).waitFor();
  const cookies = await visit.context.cookies();
  const own = cookies.find((cookie) => cookie.name === 'gantry_session');
  assert.ok(own.httpOnly && own.secure && own.sameSite === 'None');
  assert.match(own.partitionKey, /host\.localhost/, 'the cookie is of this host page alone');
  stage.assertNoTokenIn(await visit.everythingSeen());
  stage.assertSecretsKept([jwt]);
});

test('this browser sends no other third-party cookie, so that without its partition the room stays closed', async (t) => {
  const config = { proxy: { frame_ancestors: [host.origin] }, iframe: { cookie: { partitioned: false } } };
  const other = await Stage.set({ name: 'chat.localhost', config });
  t.after(() => other.stop());
  const visit = await browser.visit();
  t.after(() => visit.close());
  const answered = visit.page.waitForResponse((response) => response.url().includes('/channel/general'));

  await embed(visit, other, other.issuer.jwt('carol'), '/channel/general');

  assert.equal((await answered).request().headers().cookie, undefined);
  const kept = (await visit.context.cookies()).map((cookie) => cookie.name);
  assert.ok(!kept.includes('gantry_session'), 'the cookie was not even kept');
});

/** What the previous person did about it. */
const LEAVES = {
  'has logged out': (stage, jwt) => call(stage, '/_gantry/logout', jwt),
  'just left': () => {},
};

for (const place of Object.keys(PLACES)) {
  for (const [how, leave] of Object.entries(LEAVES)) {
    test(`the next person on a browser never sees the chat of the previous one, who ${how}, ${place}`, async (t) => {
      const stage = stages.get(place);
      const [aliceJwt, bobJwt] = [stage.issuer.jwt('alice'), stage.issuer.jwt('bob')];
      const visit = await browser.visit();
      t.after(() => visit.close());
      const path = await diary(stage, aliceJwt);
      await (await embed(visit, stage, aliceJwt, path)).getByText(SECRET_WORDS).waitFor();
      assert.equal(await whose(visit), 'alice');
      const kept = await visit.stored();
      assert.ok(kept.some(([name]) => name === 'Meteor.userId'), 'there is something to leave behind');
      await leave(stage, aliceJwt);
      // What her page still asked for has come, or never will.
      await visit.page.goto('about:blank');
      await visit.forget();

      await embed(visit, stage, bobJwt, path);
      await visit.page.waitForLoadState('networkidle');
      const room = await embed(visit, stage, bobJwt, '/channel/general');

      await room.getByRole('textbox', { name: 'Message' }).waitFor();
      assert.equal(await whose(visit), 'bob');
      const values = (await visit.stored()).map(([, value]) => value);
      // Both JWTs were signed at the same time, so both logins may end at the same time.
      const hers = kept.filter(([name]) => name !== 'Meteor.loginTokenExpires');
      assert.deepEqual(hers.filter(([, value]) => values.includes(value)), [], 'nothing of the previous person is left');
      const texts = (await visit.everythingSeen()).map(([, text]) => text);
      assert.ok(texts.some((text) => text.includes('"username":"bob"')), 'the watch sees what passes');
      assert.deepEqual(texts.filter((text) => text.includes(SECRET_WORDS)), []);
    });
  }
}
