// A server that is a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../api.js';
import { Server } from './server.js';

/** What run.sh has installed. */
const INSTALLED = process.env.INTEROP_INSTALLED;
export const DEBIAN = join(INSTALLED, 'debian');
export const PYTHON = join(INSTALLED, 'venv/bin/python');

const libraries = join(DEBIAN, 'usr/lib');
const [faketime] = readdirSync(libraries, { recursive: true }).filter((file) => file.endsWith('/libfaketimeMT.so.1'));

const running = new Set();
process.on('exit', () => running.forEach((server) => server.kill('SIGKILL')));

/**
 * A server that `command()` starts on `port`. Before the first start, `prepare()` writes its files, all of them into a folder of
 * its own, which run.sh removes. After it, `setUp()` sets up what needs a running server.
 */
export class ProcessServer extends Server {
  #folder = mkdtempSync(join(process.env.INTEROP_WORK, `${this.constructor.title}-`));
  #child;

  constructor(algorithm) {
    super(algorithm);
    this.backdate = 0;
  }

  /** By how many seconds its clock is slow. */
  set backdate(seconds) {
    writeFileSync(this.file('clock'), `-${seconds}`);
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The variables of its environment. */
  get environment() {
    return {};
  }

  file(name) {
    return join(this.#folder, name);
  }

  async start(audience) {
    const isFirst = !this.audience;
    if (isFirst) {
      Object.assign(this, { audience, port: await freePort() });
      this.issuer = this.origin + this.path;
      await this.prepare();
    }
    const clock = {
      LD_PRELOAD: join(libraries, faketime),
      FAKETIME_TIMESTAMP_FILE: this.file('clock'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // Else Python's threads do not sleep while they wait for each other.
      FAKETIME_FORCE_MONOTONIC_FIX: '0',
      NO_FAKE_STAT: '1',
    };
    this.#child = this.#spawn(this.command(), clock);
    writeFileSync(this.file('pid'), `${this.#child.pid}`);
    running.add(this);
    await this.answers(this.origin, () => true);
    if (isFirst) await this.setUp();
    await this.answers(`${this.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, (response) => response.ok);
  }

  async setUp() {}

  /** Waits until it answers as it should at a URL. */
  async answers(url, asItShould) {
    for (let tries = 0; tries < 200 && !this.#hasEnded; tries += 1) {
      const response = await fetch(url).catch(() => {});
      if (response && (await asItShould(response))) return;
      await sleep(100);
    }
    throw new Error(`${this.constructor.title} does not answer as it should at ${url}\n${this.log()}`);
  }

  async stop() {
    const timer = setTimeout(() => this.kill('SIGKILL'), 5000);
    this.kill('SIGTERM');
    if (!this.#hasEnded) await once(this.#child, 'exit');
    clearTimeout(timer);
    running.delete(this);
    rmSync(this.file('pid'));
  }

  /** Ends it and the processes that it has started. */
  kill(signal) {
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  /** Runs another program of this server to its end. */
  async run(...command) {
    const [code] = await once(this.#spawn(command), 'exit');
    if (code !== 0) throw new Error(`${command.join(' ')} has ended with ${code}\n${this.log()}`);
  }

  /** The end of what it has written. */
  log() {
    return readFileSync(this.file('log'), 'utf8').split('\n').slice(-30).join('\n');
  }

  get #hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #spawn([program, ...parameters], variables) {
    const log = openSync(this.file('log'), 'a');
    const env = { PATH: process.env.PATH, HOME: this.#folder, ...variables, ...this.environment };
    // In a group of its own, with the processes that it starts.
    const child = spawn(program, parameters, { cwd: this.#folder, env, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    return child;
  }
}
