(function (known) {
  'use strict';

  // Where Rocket.Chat's client keeps its login, and where we keep whose browser this was.
  var USER = 'Meteor.userId';
  var TOKEN = 'Meteor.loginToken';
  var EXPIRES = 'Meteor.loginTokenExpires';
  var LAST = 'gantry.userId';
  // What the client is to believe of its login's end: as long as Rocket.Chat's own logins last. The session ends when it ends.
  var DAYS = 90;
  var COOKIES = ['rc_uid', 'rc_token', 'rc_rid', 'rc_room_type'];

  // Whatever of the previous person a browser kept: what it cannot do, or is not allowed to, must not hinder the rest.
  function attempt(action) {
    try {
      return action();
    } catch (refused) {
      return undefined;
    }
  }

  // Stands in for a storage that the browser denies to a page inside another site's: the login lasts as long as the page.
  function memory() {
    var store = {};
    function define(name, value) { Object.defineProperty(store, name, { configurable: true, value: value }); }
    define('getItem', function (key) {
      return Object.prototype.propertyIsEnumerable.call(store, key) ? store[key] : null;
    });
    define('setItem', function (key, value) { store[key] = String(value); });
    define('removeItem', function (key) { delete store[key]; });
    define('clear', function () { Object.keys(store).forEach(function (key) { delete store[key]; }); });
    define('key', function (index) { var keys = Object.keys(store); return index < keys.length ? keys[index] : null; });
    Object.defineProperty(store, 'length', { get: function () { return Object.keys(store).length; } });
    return store;
  }

  function usable(name) {
    return attempt(function () {
      var storage = window[name];
      storage.setItem(LAST + '.probe', '1');
      storage.removeItem(LAST + '.probe');
      return storage;
    }) || attempt(function () {
      var storage = memory();
      Object.defineProperty(window, name, { configurable: true, enumerable: true, value: storage });
      return storage;
    });
  }

  function hint() {
    return new Date(Date.now() + DAYS * 24 * 60 * 60 * 1000).toString();
  }

  // The client stores what it is told of its login's end, and takes a login that ends within the hour for none whenever it comes back
  // after a lost connection. A session of short-lived JWTs always ends within the hour, and always goes on: so it stores the hint.
  function keepHint(local) {
    var owner = typeof Storage === 'function' && local instanceof Storage ? Storage.prototype : local;
    var set = local.setItem;
    Object.defineProperty(owner, 'setItem', {
      configurable: true,
      writable: true,
      value: function (key, value) { return set.call(this, key, this === local && key === EXPIRES ? hint() : value); },
    });
  }

  // Rocket.Chat's client tells its user in a cookie, which may outlast what it stored.
  function inCookie() {
    return attempt(function () {
      var found = /(?:^|; )rc_uid=([^;]+)/.exec(document.cookie);
      return found && decodeURIComponent(found[1]);
    });
  }

  function forgetPrevious(local, session) {
    attempt(function () { local.clear(); });
    attempt(function () { session.clear(); });
    attempt(function () {
      indexedDB.databases().then(function (databases) {
        databases.forEach(function (database) { indexedDB.deleteDatabase(database.name); });
      }, function () {});
    });
    attempt(function () {
      COOKIES.forEach(function (name) {
        ['', '; Secure; SameSite=None', '; Secure; SameSite=None; Partitioned'].forEach(function (kind) {
          document.cookie = name + '=; Path=/; Max-Age=0' + kind;
        });
      });
    });
  }

  attempt(function () {
    var local = usable('localStorage');
    var session = usable('sessionStorage');
    var previous = local.getItem(USER) || local.getItem(LAST) || inCookie();
    if (previous && previous !== known.userId) forgetPrevious(local, session);
    local.setItem(USER, known.userId);
    local.setItem(TOKEN, known.token);
    local.setItem(EXPIRES, hint());
    local.setItem(LAST, known.userId);
    attempt(function () { keepHint(local); });
  });
})
