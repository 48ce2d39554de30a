// The two framings of RC §6.6: SockJS by default, as in RC's client; raw with `?sdk_transport=on` or the same in storage.

const RAW = new URLSearchParams(location.search).get('sdk_transport') === 'on' || Token.stored('rc-config-sdk_transport') === 'on';
const SOCKETS = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${base}`;

const letters = (count) => Array.from(crypto.getRandomValues(new Uint8Array(count)), (byte) => 'abcdefghijklmnopqrstuvwxyz012345'[byte % 32]).join('');

/**
 * Opens a socket. `opened` gets the function that sends a text, `heard` each text that comes, `closed` a code once,
 * which is SockJS's own where the server gave one.
 */
async function openTransport({ opened, heard, closed }) {
  if (RAW) {
    const socket = new WebSocket(`${SOCKETS}/websocket`);
    socket.onopen = () => opened((text) => socket.send(text), () => socket.close());
    socket.onmessage = ({ data }) => heard(data);
    socket.onclose = ({ code }) => closed(code);
    return;
  }
  try {
    const info = await (await fetch(`${base}/sockjs/info?cb=${letters(10)}`)).json();
    if (!info.websocket) throw new Error('the server offers no WebSocket');
  } catch { closed(1002); return; }
  const number = String(crypto.getRandomValues(new Uint16Array(1))[0] % 1000).padStart(3, '0');
  const socket = new WebSocket(`${SOCKETS}/sockjs/${number}/${letters(8)}/websocket`);
  let farewell;
  socket.onmessage = ({ data }) => {
    if (data[0] === 'o') opened((text) => socket.send(JSON.stringify([text])), () => socket.close());
    if (data[0] === 'a') JSON.parse(data.slice(1)).forEach(heard);
    if (data[0] === 'c') { [farewell] = JSON.parse(data.slice(1)); socket.close(); }
  };
  socket.onclose = ({ code }) => closed(farewell || code);
}
