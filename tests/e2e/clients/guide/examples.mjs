// The examples of docs/custom-frontend.md, as they stand there but for Gantry's address, and without TLS.

import { readFile } from 'node:fs/promises';

const guide = await readFile(new URL('../../../../docs/custom-frontend.md', import.meta.url), 'utf8');
const examples = new Map([...guide.matchAll(/<!-- example: (\S+) -->\n\n```js\n([\s\S]*?)```/g)].map(([, name, text]) => [name, text]));

/** The scripts' names. */
export const names = () => [...examples.keys()];

/** How many scripts the guide shows, whether marked as examples or not. */
export const scripts = guide.match(/^```js$/gm).length;

/** The configuration that the guide shows. */
export const [, configuration] = guide.match(/<!-- configuration -->\n\n```yaml\n([\s\S]*?)```/);

/** A script for this Gantry. */
export function example(name, gantry) {
  const text = examples.get(name);
  if (!text) throw new Error(`the guide has no example ${name}`);
  return text.replaceAll('https://chat.example.com', gantry).replaceAll('useSsl: true', `useSsl: ${gantry.startsWith('https:')}`);
}
