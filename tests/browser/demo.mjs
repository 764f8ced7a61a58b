// The program of examples/me with a browser, and what a person does on its pages.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';

import { chromium } from 'playwright-core';

const [example, screenshots] = [process.env.EXAMPLE, process.env.SCREENSHOTS];
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

export class Demo {
  /** The URL of the client app, and what the program has printed so far. */
  app;
  printed = '';
  #process;
  #browser;

  static async start(flags = []) {
    const demo = new Demo();
    await mkdir(screenshots, { recursive: true });
    demo.#process = spawn(example, flags, { stdio: ['ignore', 'pipe', 'ignore'] });
    demo.app = await new Promise((resolve, reject) => {
      demo.#process.stdout.on('data', (text) => {
        demo.printed += text;
        const line = demo.printed.match(/^Open (\S+) in a browser/m);
        if (line) resolve(line[1]);
      });
      demo.#process.on('exit', (code) => reject(new Error(`the example ended with ${code}:\n${demo.printed}`)));
    });
    demo.#browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
    });
    return demo;
  }

  async stop() {
    await this.#browser?.close();
    this.#process?.kill();
  }

  /**
   * A page in a browser of its own, with what went wrong on it. Chromium logs every refusal as an error; the one of the transfer, and
   * those of `expected`, are the point of the demonstration.
   */
  async open(expected = () => false) {
    const context = await this.#browser.newContext({ viewport: DESKTOP });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => {
      const { url } = message.location();
      const isRefusal = message.text().includes('401') && (url.endsWith('/api/transfer') || expected(url));
      if (message.type() === 'error' && !isRefusal) errors.push(message.text());
    });
    await page.goto(this.app);
    return { page, errors, context };
  }
}

export const said = (page, text) =>
  page.waitForFunction((text) => document.querySelector('#message')?.textContent.includes(text), text);

export async function logIn(page, password = 'wonderland') {
  // While the page is busy, a click does nothing.
  await page.click('body:not([aria-busy]) #sign-in');
  await page.fill('#username', 'alice');
  await page.fill('#password', password);
  await page.click('#login');
}

export async function signIn(page) {
  await logIn(page);
  await page.click('#consent-allow');
  await said(page, 'The API knows you as alice');
}

/** To the end of a transfer, with the second factor that it needs. */
export async function transfer(page) {
  await page.click('#transfer');
  await page.waitForSelector('#otp');
  await page.fill('#otp', (await page.textContent('#otp-hint')).match(/\d{6}/)[0]);
  await page.click('#otp-submit');
  await said(page, 'Transferred by alice, who was authenticated as urn:example:mfa');
}

/** The page as it is at both widths, and nothing of it is out of reach. */
export async function picture(page, name) {
  for (const [width, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    await page.setViewportSize(viewport);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${name} is ${content} wide at ${window}`);
    await page.screenshot({ path: `${screenshots}/${name}-${width}.png` });
  }
  await page.setViewportSize(DESKTOP);
}
