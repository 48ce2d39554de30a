// Validates objects of the kinds that Kubernetes itself does not know: one JSON a line on standard input, against the
// packages below the directory that is the only argument.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

async function load(path, kind) {
  const module = await import(pathToFileURL(resolve(process.argv[2], "@kubernetes-models", path)));
  return module[kind] ?? module.default[kind];
}

const kinds = {
  HTTPRoute: await load("gateway-api/gateway.networking.k8s.io/v1/HTTPRoute.js", "HTTPRoute"),
  PrometheusRule: await load("prometheus-operator/monitoring.coreos.com/v1/PrometheusRule.js", "PrometheusRule"),
  ServiceMonitor: await load("prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor.js", "ServiceMonitor"),
};
const seen = new Set();
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const object = JSON.parse(line);
  if (!kinds[object.kind]) throw new Error(`no schema for ${object.kind}: add it here`);
  new kinds[object.kind](object).validate();
  seen.add(object.kind);
}
for (const kind of Object.keys(kinds)) {
  if (!seen.has(kind)) throw new Error(`no ${kind} was rendered: its schema checked nothing`);
}
