// A program of ours that prints where it serves, a line for each location ("name: URL" or "name is at URL"), and serves until it is
// killed.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const running = new Set();
process.on('exit', () => running.forEach((program) => program.stop()));
// Else a signal would end this process without that.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export class Program {
  #child;
  #log = '';
  /** The URLs that it has printed, by their names. */
  urls = {};

  /** Starts it, and waits until it has printed all these names. */
  static start(path, flags, names) {
    const program = new Program();
    const child = spawn(path, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
    program.#child = child;
    running.add(program);
    child.stderr.on('data', (data) => { program.#log += data; });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${path} has ended with ${code}\n${program.#log}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, name, url] = /^(.+?)(?:: | is at )(http\S+)$/.exec(line) ?? [];
        if (name) program.urls[name] = url;
        if (names.every((name) => name in program.urls)) resolve(program);
      });
    });
  }

  stop() {
    this.#child.removeAllListeners('exit');
    this.#child.kill();
    running.delete(this);
  }
}
