// The login page of an embedded Rocket.Chat: shows no form, but waits until the host page, or a cookie, says who is there, and then
// logs Rocket.Chat's client in.
(() => {
  'use strict';

  const LOGIN = '/_gantry/iframe/login';
  const FIRST_PAUSE_MS = 1000;
  const LONGEST_PAUSE_MS = 30000;

  const own = location.origin;
  const hosts = document.querySelector('meta[name="gantry-hosts"]').content.split(' ').filter(Boolean);
  const told = document.getElementById('told');
  let pause = FIRST_PAUSE_MS;
  let timer;
  let asking = false;

  function login(loginToken) {
    // To nobody but a Rocket.Chat of our own origin: whatever else embeds this page gets nothing.
    window.parent.postMessage({ event: 'login-with-token', loginToken }, own);
  }

  /** Asks who is there: by ticket, or by the browser's cookies. */
  async function ask(ticket) {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(LOGIN, {
        method: 'POST',
        credentials: 'same-origin',
        cache: 'no-store',
        ...(ticket && { headers: { 'Content-Type': 'text/plain' }, body: ticket }),
      });
      if (answer.ok) {
        const { loginToken } = await answer.json();
        told.textContent = 'Signed in.';
        login(loginToken);
      } else {
        told.textContent = 'Waiting for the page around this one to sign you in.';
      }
    } catch {
      told.textContent = 'The chat cannot be reached. Trying again.';
    } finally {
      asking = false;
    }
    later();
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => (document.hidden ? later() : ask()), pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }

  function soon() {
    pause = FIRST_PAUSE_MS;
    clearTimeout(timer);
  }

  window.addEventListener('message', ({ origin, data }) => {
    if (origin !== own && !hosts.includes(origin)) return;
    if (!data || data.gantry !== 'ticket' || typeof data.ticket !== 'string') return;
    soon();
    ask(data.ticket);
  });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    soon();
    ask();
  });

  // The host page cannot know when this one is here unless it is told. Nothing in this is secret, so anybody may hear it.
  if (window.top !== window) window.top.postMessage({ gantry: 'waiting' }, '*');
  ask();
})();
