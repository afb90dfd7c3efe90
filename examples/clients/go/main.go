// A client of Turnout in Go: makes a router, asks it, reads who answered, says what was true, and reads an error.
//
//	TURNOUT_ROUTER=127.0.0.1:50051 TURNOUT_FEEDBACK=127.0.0.1:50053 go run . hello-go
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	feedback "turnout.example/client/gen/turnout/feedback/v1"
	inference "turnout.example/client/gen/turnout/inference/v1"
	router "turnout.example/client/gen/turnout/router/v1"
)

// Only what changes nothing when it is done twice is retried by the channel: changes of routers carry a request id, and
// reports of feedback an id, so that each happens once however often it is sent. A service that must not be asked again
// says so with its UNAVAILABLE.
const retries = `{"methodConfig": [{
  "name": [{"service": "turnout.router.v1.InferenceService"}, {"service": "turnout.router.v1.RouterService"},
    {"service": "turnout.feedback.v1.FeedbackService"}],
  "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]}}]}`

func main() {
	name := "hello-go"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if err := run(name); err != nil {
		log.Fatal(err)
	}
}

func run(name string) error {
	toRouter, err := dial("TURNOUT_ROUTER", "127.0.0.1:50051")
	if err != nil {
		return err
	}
	defer toRouter.Close()
	toFeedback, err := dial("TURNOUT_FEEDBACK", "127.0.0.1:50053")
	if err != nil {
		return err
	}
	defer toFeedback.Close()
	routers := router.NewRouterServiceClient(toRouter)

	// Everything below has a deadline; a service cuts what is longer than it allows.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := create(ctx, routers, name); err != nil {
		return err
	}
	defer remove(routers, name)

	reply, err := ask(ctx, router.NewInferenceServiceClient(toRouter), name)
	if err != nil {
		return err
	}
	tell(reply)
	told, err := feedback.NewFeedbackServiceClient(toFeedback).RecordFeedback(ctx, &feedback.RecordFeedbackRequest{
		PredictionId: reply.PredictionId,
		FeedbackId:   uuid(),
		Outcome: &feedback.RecordFeedbackRequest_Truth{
			Truth: &inference.Truth{Value: &inference.Truth_Label{Label: "benign"}},
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("feedback:", told.Status)

	_, err = ask(ctx, router.NewInferenceServiceClient(toRouter), "nobody")
	explain(err)
	_, err = routers.CreateRouter(ctx, &router.CreateRouterRequest{
		RouterId: name + "-wrong",
		Router:   &router.Router{Variants: []*router.Variant{{Model: "no-such-model"}}},
	})
	explain(err)
	return nil
}

func dial(variable, usual string) (*grpc.ClientConn, error) {
	target := os.Getenv(variable)
	if target == "" {
		target = usual
	}
	return grpc.NewClient(target,
		// On loopback only; credentials.NewTLS elsewhere.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(introduced),
		grpc.WithDefaultServiceConfig(retries))
}

// introduced adds what every call carries: a correlation id, and the key where the suite asks for one.
func introduced(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", uuid())
	if key := os.Getenv("KEY"); key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	return invoke(ctx, method, request, reply, conn, options...)
}

// uuid makes a random one (RFC 9562, version 4).
func uuid() string {
	id := make([]byte, 16)
	rand.Read(id)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func create(ctx context.Context, routers router.RouterServiceClient, name string) error {
	_, err := routers.CreateRouter(ctx, &router.CreateRouterRequest{
		RouterId:  name,
		RequestId: uuid(),
		Router: &router.Router{Variants: []*router.Variant{
			{Model: "cancer-bayes", Weight: proto.Float64(70)}, {Model: "cancer-stump", Weight: proto.Float64(30)},
		}},
	})
	if err != nil && status.Code(err) != codes.AlreadyExists {
		return fmt.Errorf("create %s: %w", name, err)
	}
	deployed, err := routers.DeployRouter(ctx, &router.DeployRouterRequest{Name: name, RequestId: uuid()})
	if err != nil {
		return fmt.Errorf("deploy %s: %w", name, err)
	}
	fmt.Println("router:", deployed.Router.Name)
	return nil
}

func remove(routers router.RouterServiceClient, name string) {
	// The deadline of the rest may have passed: tidying up has one of its own.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := routers.DeleteRouter(ctx, &router.DeleteRouterRequest{Name: name, RequestId: uuid()}); err != nil {
		log.Print("delete: ", err)
	}
}

func ask(ctx context.Context, client router.InferenceServiceClient, name string) (*router.PredictResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	row := map[string]float64{"mean radius": 14.2, "mean texture": 20.1}
	return client.Predict(ctx, &router.PredictRequest{
		Router: name, EntityId: "patient-7",
		Input: &inference.Input{Kind: &inference.Input_Tabular{Tabular: &inference.TabularInput{NumericFeatures: row}}},
	})
}

func tell(reply *router.PredictResponse) {
	manifest := reply.Manifest
	fmt.Println("answer:", reply.Output.GetClassification().GetLabel())
	fmt.Printf("drawn: %s with probability %.2f\n", manifest.Decision.Variant, manifest.Decision.Propensity)
	for _, one := range manifest.Participants {
		fmt.Printf("took part: %s, %s\n", one.Model, one.Outcome)
	}
}

// explain prints what a service found wrong: the reason for programs, fields for people.
func explain(err error) {
	failure := status.Convert(err)
	fmt.Println("error:", failure.Code())
	for _, detail := range failure.Details() {
		switch one := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println("reason:", one.Reason)
		case *errdetails.BadRequest:
			for _, field := range one.FieldViolations {
				fmt.Printf("field: %s: %s\n", field.Field, field.Description)
			}
		case *errdetails.RetryInfo:
			fmt.Println("again in:", one.RetryDelay.AsDuration())
		}
	}
}
