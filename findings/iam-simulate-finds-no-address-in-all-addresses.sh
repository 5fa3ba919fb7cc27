#!/bin/sh
# @cloud-copilot/iam-simulate 0.1.173, the public evaluator of IAM policies: a condition IpAddress on 0.0.0.0/0, which AWS's
# examples write for every address, holds for no IPv4 address (10.0.0.0/8 does), and NotIpAddress on it for each; ::/0 holds
# for IPv6 addresses. aws:EpochTime in seconds, as AWS has it, is taken for milliseconds, so for 1970. So what it says of such policies is
# the contrary of what AWS does.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
command -v npm >/dev/null 2>&1 || cannot "needs npm"
node_with @cloud-copilot/iam-simulate@0.1.173

cat >"$work/finding.mjs" <<'END'
import { runSimulation } from "@cloud-copilot/iam-simulate";

const ask = async (operator, key, operand, value) => {
  const Condition = { [operator]: { [key]: operand } };
  const policy = { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: "*", Condition } };
  const simulation = {
    request: {
      principal: "arn:aws:iam::111122223333:user/a", action: "s3:GetObject",
      resource: { resource: "arn:aws:s3:::b/k", accountId: "111122223333" }, contextVariables: { [key]: value },
    },
    identityPolicies: [{ name: "p", policy }], serviceControlPolicies: [], resourceControlPolicies: [],
  };
  const answer = await runSimulation(simulation, {});
  console.log(operator, operand, value, answer.overallResult ?? answer.analysis?.result ?? JSON.stringify(answer.errors));
};

await ask("IpAddress", "aws:SourceIp", "10.0.0.0/8", "10.1.2.3");
await ask("IpAddress", "aws:SourceIp", "0.0.0.0/0", "10.1.2.3");
await ask("NotIpAddress", "aws:SourceIp", "0.0.0.0/0", "10.1.2.3");
await ask("IpAddress", "aws:SourceIp", "::/0", "2001:db8::1");
await ask("DateGreaterThan", "aws:EpochTime", "2026-01-01T00:00:00Z", "1795910400");
END
still "$(cd "$work" && node finding.mjs)" "IpAddress 10.0.0.0/8 10.1.2.3 Allowed
IpAddress 0.0.0.0/0 10.1.2.3 ImplicitlyDenied
NotIpAddress 0.0.0.0/0 10.1.2.3 Allowed
IpAddress ::/0 2001:db8::1 Allowed
DateGreaterThan 2026-01-01T00:00:00Z 1795910400 ImplicitlyDenied"
