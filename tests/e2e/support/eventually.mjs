// Waiting for what has to come true, and for what has to be heard.

/** Above what a busy machine needs; what works needs a fraction. */
const PATIENCE_MS = 10_000;
/** Between two looks. */
const PAUSE_MS = 20;

/** Waits until `look` answers something true, and returns that. */
export async function eventually(what, look) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`this did not come true in ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
  }
}
