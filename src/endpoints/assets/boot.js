(function (known) {
  'use strict';

  // Where Rocket.Chat's client keeps its login, and where we keep whose browser this was.
  var USER = 'Meteor.userId';
  var TOKEN = 'Meteor.loginToken';
  var EXPIRES = 'Meteor.loginTokenExpires';
  var LAST = 'gantry.userId';
  var COOKIES = ['rc_uid', 'rc_token', 'rc_rid', 'rc_room_type'];

  // Whatever of the previous person a browser kept: what it cannot do, or is not allowed to, must not hinder the rest.
  function attempt(action) {
    try {
      return action();
    } catch (refused) {
      return undefined;
    }
  }

  function forgetPrevious() {
    attempt(function () { localStorage.clear(); });
    attempt(function () { sessionStorage.clear(); });
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
    var previous = localStorage.getItem(USER) || localStorage.getItem(LAST);
    if (previous && previous !== known.userId) forgetPrevious();
    localStorage.setItem(USER, known.userId);
    localStorage.setItem(TOKEN, known.token);
    localStorage.setItem(EXPIRES, known.expires);
    localStorage.setItem(LAST, known.userId);
  });
})
