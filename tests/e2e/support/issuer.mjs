// A host application in its role as issuer: a key of its own, and the JWTs it signs.

import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';

/** Longer than any test runs. */
const JWT_LIFE_SECONDS = 600;

export class Issuer {
  name = 'http://host.test';
  audience = 'chat';
  #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  publicKey() {
    return this.#keys.publicKey.export({ type: 'spki', format: 'pem' });
  }

  /** A JWT for somebody, in a host session of its own unless it is named. */
  jwt(username, { sid = randomUUID(), life = JWT_LIFE_SECONDS } = {}) {
    const iat = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.name, aud: this.audience, sub: username, sid, iat, exp: iat + life,
      preferred_username: username, name: `${username} of the host`, email: `${username}@fernway.example`, email_verified: true,
    };
    const signed = [{ alg: 'ES256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    // JWS wants both numbers of an ECDSA signature side by side, not in DER (RFC 7518, 3.4).
    const signature = sign('sha256', Buffer.from(signed), { key: this.#keys.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }
}
