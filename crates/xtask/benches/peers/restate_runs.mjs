// 1,000 runs of five durable steps that do nothing, on Restate: 1, 16 and 64 at once.
//
//     node restate_runs.mjs NODE_MODULES FOLDER [AT_ONCE...]
//
// Starts one restate-server on free ports of 127.0.0.1 with its data below FOLDER, serves the workflow from a process of
// its own, and calls it through the server's HTTP ingress, waiting for each answer. A run is a workflow with a key; a
// step is a `ctx.run`, whose result is in the server's log before the next one begins. The limits of FOLDER's disk are
// measured before and after each row. Prints one line of JSON per measurement; ends what it started by process id.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

const RUNS = 1000;
const STEPS = 5;
// Runs before the clock starts: connections are made and code is compiled.
const WARM_UP_RUNS = 64;
// Longest time that all runs of one measurement may take, that a server may take to answer, and to end.
const FLIGHT_MAX_MS = 120_000;
const START_MAX_MS = 60_000;
const END_MAX_MS = 10_000;

const SELF = fileURLToPath(import.meta.url);
const HERE = path.dirname(SELF);
const [nodeModules, folder, ...atOnceWords] = process.argv.slice(2);
if (!folder) {
  console.error("restate_runs.mjs NODE_MODULES FOLDER [AT_ONCE...]");
  process.exit(2);
}
const required = createRequire(path.join(path.resolve(nodeModules), "required-from-here.js"));

/** The service's own process: its steps note when they were called, and the parent asks for the times between them. */
async function serve() {
  const restate = required("@restatedev/restate-sdk");
  const called = new Map();
  const fiveSteps = restate.workflow({
    name: "peers",
    handlers: {
      run: async (ctx) => {
        const moments = [];
        called.set(ctx.key, moments);
        for (let step = 0; step < STEPS; step++) {
          await ctx.run("nothing", () => {
            moments.push(performance.now());
          });
        }
      },
    },
  });
  // By default each run logs two lines, which the other engines do not do.
  const logger = (about, ...words) => ["warn", "error"].includes(about.level.toLowerCase()) && console.error(...words);
  const handler = restate.createEndpointHandler({ services: [fiveSteps], logger });
  const server = http2.createServer(handler);
  server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
  process.on("message", () => {
    const times = [...called.values()].flatMap((moments) => moments.slice(1).map((at, index) => (at - moments[index]) * 1000));
    called.clear();
    process.send({ times });
  });
  process.on("disconnect", () => process.exit(0));
}

function message(child) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("the service did not answer")), START_MAX_MS);
    child.once("message", (told) => {
      clearTimeout(late);
      resolve(told);
    });
  });
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => net.createServer());
  const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
  const ports = await Promise.all(servers.map(listening));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One request; resolves with its status and text. */
function request(agent, method, port, where, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json", accept: "application/json" };
    const asked = http.request({ agent, host: "127.0.0.1", port, path: where, method, headers, timeout: FLIGHT_MAX_MS }, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer from ${where}`)));
    asked.on("error", reject);
    asked.end(body);
  });
}

async function until(what, look) {
  const deadline = Date.now() + START_MAX_MS;
  while (Date.now() < deadline) {
    if (await look().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not come up in time`);
}

/** The settings that decide what an answer of the server means; everything else is the server's default. */
function configuration(ports) {
  return [
    "disable-telemetry = true",
    'listen-mode = "tcp"',
    `bind-address = "127.0.0.1:${ports.node}"`,
    `advertised-address = "http://127.0.0.1:${ports.node}/"`,
    'node-name = "peers"',
    'log-filter = "warn"',
    "[admin]",
    `bind-address = "127.0.0.1:${ports.admin}"`,
    "disable-web-ui = true",
    "[ingress]",
    `bind-address = "127.0.0.1:${ports.ingress}"`,
    "[bifrost]",
    'default-provider = "replicated"',
    "[log-server]",
    "rocksdb-disable-wal-fsync = false",
    "",
  ].join("\n");
}

function limits() {
  const measured = spawnSync("python3", [path.join(HERE, "limits.py"), "disk", folder], { encoding: "utf8", timeout: START_MAX_MS });
  if (measured.status !== 0) throw new Error(`limits.py: ${measured.stderr}`);
  console.log(JSON.stringify({ limits: JSON.parse(measured.stdout) }));
}

async function fly(agent, port, names, atOnce) {
  const waiting = names[Symbol.iterator]();
  const deadline = Date.now() + FLIGHT_MAX_MS;
  let done = 0;
  const work = async () => {
    for (const name of waiting) {
      if (Date.now() > deadline) return;
      const { status, text } = await request(agent, "POST", port, `/peers/${name}/run`);
      if (status !== 200) throw new Error(`run ${name}: ${status} ${text}`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return done;
}

function shareOf(ordered, share) {
  return ordered.length ? Math.round(ordered[Math.round(share * (ordered.length - 1))]) : null;
}

/** Processor time of a process in seconds; Linux counts it in hundredths. */
function processorSeconds(pid) {
  const words = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  return (Number(words[11]) + Number(words[12])) / 100;
}

async function measure(server, service, agent, ports, atOnce, versions) {
  const names = (kind, count) => Array.from({ length: count }, (_, number) => `at${atOnce}-${kind}-${number}`);
  const times = async () => {
    const told = message(service);
    service.send("times");
    return (await told).times.sort((a, b) => a - b);
  };
  await fly(agent, ports.ingress, names("warm", WARM_UP_RUNS), atOnce);
  await times();
  const processor = () => [server.pid, service.pid, process.pid].map(processorSeconds);
  const [costBefore, began] = [processor(), performance.now()];
  const done = await fly(agent, ports.ingress, names("run", RUNS), atOnce);
  const seconds = (performance.now() - began) / 1000;
  const cost = processor().map((spent, index) => Number((((spent - costBefore[index]) * 1000) / done).toFixed(1)));
  const between = await times();
  console.log(
    JSON.stringify({
      engine: `restate ${versions.server}, sdk ${versions.sdk}`,
      at_once: atOnce,
      done,
      seconds: Number(seconds.toFixed(2)),
      runs_per_s: Number((done / seconds).toFixed(1)),
      steps_per_s: Number(((done * STEPS) / seconds).toFixed(1)),
      step_p50_us: shareOf(between, 0.5),
      step_p99_us: shareOf(between, 0.99),
      processor_ms_per_run: { server: cost[0], service: cost[1], client: cost[2] },
    }),
  );
}

/** Ends a child by its id, first politely. */
function end(child) {
  return new Promise((resolve) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return resolve();
    const late = setTimeout(() => process.kill(child.pid, "SIGKILL"), END_MAX_MS);
    child.once("exit", () => {
      clearTimeout(late);
      resolve();
    });
    process.kill(child.pid, "SIGTERM");
  });
}

/** What the server's own tables say of the runs, not what this process believes. */
async function recorded(agent, ports) {
  const query = "SELECT status, completion_result, count(*) AS runs FROM sys_invocation GROUP BY status, completion_result";
  const { text } = await request(agent, "POST", ports.admin, "/query", JSON.stringify({ query }));
  return JSON.parse(text).rows;
}

async function main() {
  const version = (name) => JSON.parse(readFileSync(path.join(nodeModules, name, "package.json"), "utf8")).version;
  const versions = { server: version("@restatedev/restate-server"), sdk: version("@restatedev/restate-sdk") };
  const [node, admin, ingress] = await freePorts(3);
  const ports = { node, admin, ingress };
  mkdirSync(folder, { recursive: true });
  const settings = path.join(folder, "restate.toml");
  writeFileSync(settings, configuration(ports));
  limits();
  const env = { ...process.env, PEERS_SERVICE: "1" };
  const service = spawn(process.execPath, [SELF, nodeModules, folder], { stdio: ["ignore", "inherit", "inherit", "ipc"], env });
  const log = openSync(path.join(folder, "restate.log"), "a");
  // The program itself, not the launcher around it, so that the id is the server's.
  const program = path.join(nodeModules, `@restatedev/restate-server-${process.platform}-${process.arch}`, "bin", "restate-server");
  const words = ["--config-file", settings, "--base-dir", path.join(folder, "restate-data"), "--no-logo"];
  const server = spawn(program, words, { stdio: ["ignore", log, log], env: { ...process.env, DO_NOT_TRACK: "1" } });
  console.error(`restate-server is process ${server.pid}, its log ${path.join(folder, "restate.log")}`);
  const agent = new http.Agent({ keepAlive: true });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => Promise.all([end(server), end(service)]).then(() => process.exit(1)));
  try {
    const { port } = await message(service);
    await until("restate-server", async () => (await request(agent, "GET", ports.admin, "/health")).status === 200);
    const uri = JSON.stringify({ uri: `http://127.0.0.1:${port}` });
    await until("the service", async () => (await request(agent, "POST", ports.admin, "/deployments", uri)).status === 201);
    const atOnce = atOnceWords.length ? atOnceWords.map(Number) : [1, 16, 64];
    for (const count of atOnce) {
      await measure(server, service, agent, ports, count, versions);
      limits();
    }
    console.log(JSON.stringify({ recorded: await recorded(agent, ports) }));
  } finally {
    agent.destroy();
    await end(server);
    await end(service);
  }
}

await (process.env.PEERS_SERVICE ? serve() : main());
