// The demo's process: started on free ports, ended with Ctrl-C's signal.

import { Program } from './program.mjs';

export class Demo {
  static async start() {
    const demo = new Demo();
    demo.program = await Program.start('gantry-demo', ['--port-base', '0'], /Ctrl-C/);
    demo.greeting = demo.program.output;
    [demo.url] = demo.greeting.match(/http:\/\/127\.0\.0\.1:\d+/);
    [, demo.gantry] = demo.greeting.match(/Gantry: (\S+)/);
    return demo;
  }

  stop() {
    return this.program.stop();
  }
}
