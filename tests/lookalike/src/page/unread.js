// The user's own subscriptions: which rooms there are and how much of each is unread, kept fresh by the socket.

class Subscriptions extends EventTarget {
  constructor() { super(); this.byRoom = new Map(); }

  async open(userId) {
    const event = `${userId}/subscriptions-changed`;
    connection.on('stream-notify-user', ({ eventName, args: [action, subscription] }) => {
      if (eventName !== event) return;
      if (action === 'removed') this.byRoom.delete(subscription.rid); else this.byRoom.set(subscription.rid, subscription);
      this.changed(subscription);
    });
    connection.subscribe('stream-notify-user', event, {}, () => { this.load().catch(() => {}); });
    connection.subscribe('stream-notify-user', `${userId}/notification`);
    connection.subscribe('stream-notify-user', `${userId}/userData`);
    await this.load();
  }

  async load() {
    const all = await call('subscriptions/get');
    this.byRoom = new Map(all.map((one) => [one.rid, one]));
    this.changed();
  }

  changed(subscription) {
    const unread = this.unread();
    document.title = `${unread ? `(${unread}) ` : ''}${this.title || config.SITE_NAME || 'Rocket.Chat'}`;
    if (subscription) tellParent('unread-changed-by-subscription', subscription);
    tellParent('unread-changed', unread);
    this.dispatchEvent(new Event('change'));
  }

  unread() { return [...this.byRoom.values()].reduce((sum, one) => sum + one.unread, 0); }
  of(roomId) { return this.byRoom.get(roomId); }
  all() { return [...this.byRoom.values()].sort((one, other) => (one.fname || one.name).localeCompare(other.fname || other.name)); }
}

const subscriptions = new Subscriptions();
