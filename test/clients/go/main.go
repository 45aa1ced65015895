// openapi-generator's client for Go: produces with it, as test/clients/README.md describes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	onramp "onramp-client-test/generated"
)

var url, token, topic = os.Getenv("ONRAMP_URL"), os.Getenv("ONRAMP_TOKEN"), os.Getenv("ONRAMP_TOPIC")

func main() {
	// docs: begin
	configuration := onramp.NewConfiguration()
	configuration.Servers = onramp.ServerConfigurations{{URL: url}}
	configuration.AddDefaultHeader("Kafka-Header-client", "go")
	produce := onramp.NewAPIClient(configuration).ProduceAPI
	ctx := context.WithValue(context.Background(), onramp.ContextAccessToken, token)

	order := map[string]any{"orderId": "o-1", "total": 12.5}
	receipt, _, err := produce.Produce(ctx, topic).Body(order).Key("o-1").Execute()
	check(err == nil, err)
	fmt.Println(receipt.Partition, receipt.Offset)

	header := onramp.RecordHeader{Key: "client", Value: onramp.PtrString("Z28=")} // base64
	records := []onramp.BatchRecord{
		{Key: "o-2", Value: map[string]any{"orderId": "o-2"}, Headers: []onramp.RecordHeader{header}},
		{Key: "o-1"}, // a tombstone
	}
	outcomes, _, err := produce.ProduceBatch(ctx, topic).Batch(*onramp.NewBatch(records)).Execute()
	check(err == nil, err)
	var failure *onramp.GenericOpenAPIError
	if _, _, err := produce.Produce(ctx, topic).Body(map[string]any{"total": 1}).Execute(); errors.As(err, &failure) {
		problem := failure.Model().(onramp.Problem)
		fmt.Println(problem.Status, problem.ErrorCode, *problem.Errors[0].Pointer)
	}
	// docs: end

	check(receipt.Topic == topic && receipt.Offset == 0, receipt)
	for at, outcome := range outcomes.Offsets {
		check(*outcome.Offset.Get() == int64(at+1) && outcome.ErrorCode.Get() == nil, outcome)
	}
	problem := problemOf(ctx, produce, map[string]any{"total": 1})
	check(problem.Status == 422 && problem.ErrorCode == 42206, problem)
	check(*problem.Errors[0].Pointer == "" && *problem.Errors[0].Keyword == "required", problem)

	basic := context.WithValue(context.Background(), onramp.ContextBasicAuth, onramp.BasicAuth{UserName: "any", Password: token})
	lines := "{\"orderId\":\"o-3\"}\n{\"orderId\":\"o-4\",\"total\":1.0}\n"
	file, response, err := produce.ProduceLines(basic, topic).Body(lines).Key("o-3").Execute()
	check(err == nil && response.StatusCode == http.StatusOK, err)
	answer, err := io.ReadAll(file)
	text := string(answer)
	check(err == nil && strings.Count(text, "\n") == 2 && strings.Contains(text, `"offset":4`), text)

	wrong := context.WithValue(context.Background(), onramp.ContextAccessToken, "wrong")
	refused := problemOf(wrong, produce, order)
	check(refused.Status == 401 && refused.ErrorCode == 40101, refused)
}

func problemOf(ctx context.Context, produce *onramp.ProduceAPIService, value any) onramp.Problem {
	var failure *onramp.GenericOpenAPIError
	_, _, err := produce.Produce(ctx, topic).Body(value).Execute()
	check(errors.As(err, &failure), err)
	return failure.Model().(onramp.Problem)
}

func check(holds bool, found any) {
	if !holds {
		panic(fmt.Sprint(found))
	}
}
