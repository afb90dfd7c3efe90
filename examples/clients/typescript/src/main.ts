// A client of Turnout in TypeScript: makes a router, asks it, reads who answered, says what was true, and reads an
// error.
//
//   TURNOUT_ROUTER=127.0.0.1:50051 TURNOUT_FEEDBACK=127.0.0.1:50053 node dist/src/main.js hello-ts
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import {
  type CallOptions,
  type ChannelOptions,
  type Client,
  Metadata,
  type ServiceError,
  credentials,
  status,
} from "@grpc/grpc-js";

import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import { FeedbackServiceClient, RecordFeedbackRequest } from "../gen/turnout/feedback/v1/feedback_service.js";
import { InferenceServiceClient, PredictRequest, PredictResponse } from "../gen/turnout/router/v1/inference_service.js";
import {
  CreateRouterRequest,
  DeleteRouterRequest,
  DeployRouterRequest,
  RouterServiceClient,
} from "../gen/turnout/router/v1/router_service.js";

// Only what changes nothing when it is done twice is retried by the channel: changes of routers carry a request id, and
// reports of feedback an id, so that each happens once however often it is sent. A service that must not be asked again
// says so with its UNAVAILABLE.
const retries: ChannelOptions = {
  "grpc.service_config": JSON.stringify({
    methodConfig: [
      {
        name: [
          { service: "turnout.router.v1.InferenceService" },
          { service: "turnout.router.v1.RouterService" },
          { service: "turnout.feedback.v1.FeedbackService" },
        ],
        retryPolicy: {
          maxAttempts: 4,
          initialBackoff: "0.05s",
          maxBackoff: "1s",
          backoffMultiplier: 2,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  }),
};

type Method<Request, Reply> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  done: (error: ServiceError | null, reply: Reply) => void,
) => unknown;

/** Calls a method within so many seconds. */
function call<Request, Reply>(
  client: Client,
  method: Method<Request, Reply>,
  request: Request,
  seconds: number,
): Promise<Reply> {
  const metadata = new Metadata();
  metadata.set("x-request-id", randomUUID());
  if (process.env.KEY) metadata.set("authorization", `Bearer ${process.env.KEY}`);
  const asked = promisify<Request, Metadata, CallOptions, Reply>(method.bind(client));
  return asked(request, metadata, { deadline: Date.now() + seconds * 1000 });
}

/** Prints what a service found wrong: the reason for programs, fields for people. */
function explain(error: ServiceError): void {
  console.log("error:", status[error.code]);
  const [rich] = error.metadata.get("grpc-status-details-bin");
  if (!(rich instanceof Buffer)) return;
  for (const detail of Status.decode(rich).details) {
    if (detail.typeUrl.endsWith("/google.rpc.ErrorInfo")) {
      console.log("reason:", ErrorInfo.decode(detail.value).reason);
    } else if (detail.typeUrl.endsWith("/google.rpc.BadRequest")) {
      for (const one of BadRequest.decode(detail.value).fieldViolations) {
        console.log(`field: ${one.field}: ${one.description}`);
      }
    } else if (detail.typeUrl.endsWith("/google.rpc.RetryInfo")) {
      const delay = RetryInfo.decode(detail.value).retryDelay;
      console.log("again in:", Number(delay?.seconds ?? 0) + (delay?.nanos ?? 0) / 1e9);
    }
  }
}

function tell(reply: PredictResponse): void {
  const answer = reply.output?.kind;
  if (answer?.$case === "classification") console.log("answer:", answer.value.label);
  const decision = reply.manifest?.decision;
  console.log(`drawn: ${decision?.variant} with probability ${decision?.propensity.toFixed(2)}`);
  for (const one of reply.manifest?.participants ?? []) console.log(`took part: ${one.model}, ${one.outcome}`);
}

async function main(name: string): Promise<void> {
  // On loopback only; credentials.createSsl() elsewhere.
  const plain = credentials.createInsecure();
  const target = process.env.TURNOUT_ROUTER ?? "127.0.0.1:50051";
  const routers = new RouterServiceClient(target, plain, retries);
  const predictions = new InferenceServiceClient(target, plain, retries);
  const learner = new FeedbackServiceClient(process.env.TURNOUT_FEEDBACK ?? "127.0.0.1:50053", plain, retries);

  const ask = (router: string): Promise<PredictResponse> => {
    const numericFeatures = { "mean radius": 14.2, "mean texture": 20.1 };
    const input = { kind: { $case: "tabular" as const, value: { numericFeatures } } };
    const request = PredictRequest.fromPartial({ router, entityId: "patient-7", input });
    return call(predictions, predictions.predict, request, 5);
  };
  const create = (routerId: string, variants: Array<{ model: string; weight?: number }>) => {
    const request = CreateRouterRequest.fromPartial({ routerId, router: { variants }, requestId: randomUUID() });
    return call(routers, routers.createRouter, request, 10);
  };
  try {
    await create(name, [
      { model: "cancer-bayes", weight: 70 },
      { model: "cancer-stump", weight: 30 },
    ]).catch((error: ServiceError) => {
      if (error.code !== status.ALREADY_EXISTS) throw error;
    });
    const deploy = DeployRouterRequest.fromPartial({ name, requestId: randomUUID() });
    const deployed = await call(routers, routers.deployRouter, deploy, 20);
    console.log("router:", deployed.router?.name);
    try {
      const reply = await ask(name);
      tell(reply);
      const report = RecordFeedbackRequest.fromPartial({
        predictionId: reply.predictionId,
        feedbackId: randomUUID(),
        outcome: { $case: "truth", value: { value: { $case: "label", value: "benign" } } },
      });
      console.log("feedback:", (await call(learner, learner.recordFeedback, report, 5)).status);
      await ask("nobody").catch(explain);
      await create(`${name}-wrong`, [{ model: "no-such-model" }]).catch(explain);
    } finally {
      await call(routers, routers.deleteRouter, DeleteRouterRequest.fromPartial({ name, requestId: randomUUID() }), 10);
    }
  } finally {
    for (const client of [routers, predictions, learner]) client.close();
  }
}

await main(process.argv[2] ?? "hello-ts");
