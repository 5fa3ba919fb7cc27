// Decides cases of tests/policy with a public evaluator of policies: a case a line, an answer a line. Below its API, which
// wants actions and keys of its own lists and has no session policies.
import { createInterface } from 'node:readline'
import { loadPolicy } from '@cloud-copilot/iam-policy'
import { anonymousPrincipal } from '@cloud-copilot/iam-simulate'

const inner = name => import(new URL(`node_modules/@cloud-copilot/iam-simulate/dist/esm/${name}.js`, import.meta.url))
const { authorize } = await inner('core_engine/CoreSimulatorEngine')
const { DiscoveryContextKeyConstraints } = await inner('context_keys/discoveryContextKeyConstraints')
const { AwsRequestImpl } = await inner('request/request')
const { RequestContextImpl } = await inner('requestContext')

const strict = { simulationMode: 'Strict', discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([]) }

// A key that can have several values has a list of them, as the evaluator knows it.
const context = values => new RequestContextImpl(Object.fromEntries(Object.entries(values).filter(([, list]) => list.length > 0)
  .map(([key, list]) => [key, list.length > 1 || key === 'aws:TagKeys' ? list : list[0]])))

function decide({ policies, caller, action, resource, account, context: values }) {
  const named = (...kinds) => policies.filter(policy => kinds.includes(policy.kind))
    .map((policy, at) => loadPolicy(JSON.parse(policy.document), { name: `${policy.kind}${at}` }))
  const principal = caller.kind === 'anonymous' ? anonymousPrincipal : caller.arn
  const boundaries = named('boundary')
  return authorize({
    request: new AwsRequestImpl(principal, { resource, accountId: account }, action, context(values), resource === '*'),
    sessionPolicy: named('session')[0],
    identityPolicies: named('identity'),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: named('bucket', 'trust')[0],
    permissionBoundaries: boundaries.length > 0 ? boundaries : undefined,
    vpcEndpointPolicies: undefined,
    simulationParameters: strict,
    serviceSettings: { s3: { blockPublicAccess: undefined } }
  }).result
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = decide(JSON.parse(line))
  } catch (error) {
    answer = `error: ${error.message}`
  }
  console.log(JSON.stringify(answer))
}
