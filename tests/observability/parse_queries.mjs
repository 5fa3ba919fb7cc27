// Reads a JSON list of {language, query} on stdin and parses each with the published grammar of Prometheus or Loki.
// Prints what does not parse, one line each; exits 1 when there was any.
import { readFileSync } from 'node:fs';
import { parser as promql } from '@prometheus-io/lezer-promql';
import { parser as logql } from '@grafana/lezer-logql';

const parsers = { prometheus: promql, loki: logql };
const queries = JSON.parse(readFileSync(0, 'utf8'));
let failed = 0;
for (const { language, query } of queries) {
  let error = -1;
  parsers[language].parse(query).iterate({
    enter: (node) => {
      if (node.type.isError && error < 0) error = node.from;
    },
  });
  if (error >= 0) {
    failed++;
    console.log(`${language}: at ${error}: ${query}`);
  }
}
console.log(`${queries.length - failed} parsed, ${failed} not`);
process.exit(failed ? 1 : 0);
