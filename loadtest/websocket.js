// k6's WebSocket, which older versions of k6 have under another name.

let found;
try {
  found = require('k6/websockets');
} catch (_unknown) {
  found = require('k6/experimental/websockets');
}
module.exports = { WebSocket: found.WebSocket };
