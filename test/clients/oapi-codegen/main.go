// oapi-codegen's client for Go: produces with it, as test/clients/README.md describes.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	onramp "onramp-client-test/generated"
)

var url, token, topic = os.Getenv("ONRAMP_URL"), os.Getenv("ONRAMP_TOKEN"), os.Getenv("ONRAMP_TOPIC")

func main() {
	ctx := context.Background()
	// docs: begin
	auth := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Kafka-Header-client", "oapi-codegen")
		return nil
	}
	client, err := onramp.NewClientWithResponses(url, onramp.WithRequestEditorFn(auth))
	check(err == nil, err)
	key := "o-1"
	order := map[string]any{"orderId": "o-1", "total": 12.5}
	produced, err := client.ProduceWithResponse(ctx, topic, &onramp.ProduceParams{Key: &key}, order)
	check(err == nil && produced.JSON200 != nil, produced)
	fmt.Println(produced.JSON200.Partition, produced.JSON200.Offset)

	value := base64.StdEncoding.EncodeToString([]byte("oapi-codegen"))
	headers := []onramp.RecordHeader{{Key: "client", Value: &value}}
	batch := onramp.Batch{Records: []onramp.BatchRecord{
		{Key: "o-2", Value: map[string]any{"orderId": "o-2"}, Headers: &headers},
		{Key: "o-1"}, // a tombstone
	}}
	written, err := client.ProduceBatchWithResponse(ctx, topic, batch)
	check(err == nil && written.JSON200 != nil, written)
	invalid, err := client.ProduceWithResponse(ctx, topic, nil, map[string]any{"total": 1})
	check(err == nil, err)
	if problem := invalid.ApplicationproblemJSONDefault; problem != nil {
		fmt.Println(problem.Status, problem.ErrorCode, *(*problem.Errors)[0].Pointer)
	}
	// docs: end

	check(produced.JSON200.Topic == topic && produced.JSON200.Offset == 0, produced.JSON200)
	for at, outcome := range written.JSON200.Offsets {
		check(*outcome.Offset == int64(at+1) && outcome.ErrorCode == nil, outcome)
	}
	problem := *invalid.ApplicationproblemJSONDefault
	violation := (*problem.Errors)[0]
	check(problem.Status == 422 && problem.ErrorCode == 42206, problem)
	check(*violation.Pointer == "" && *violation.Keyword == "required", violation)

	basic := func(_ context.Context, request *http.Request) error {
		request.SetBasicAuth("any", token)
		return nil
	}
	key = "o-3"
	lines := strings.NewReader("{\"orderId\":\"o-3\"}\n{\"orderId\":\"o-4\",\"total\":1.0}\n")
	params := onramp.ProduceLinesParams{Key: &key}
	response, err := client.ProduceLinesWithBody(ctx, topic, &params, "application/x-ndjson", lines, basic)
	check(err == nil && response.StatusCode == http.StatusOK, response)
	answer, err := io.ReadAll(response.Body)
	text := string(answer)
	check(err == nil && strings.Count(text, "\n") == 2 && strings.Contains(text, `"offset":4`), text)

	wrong := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer wrong")
		return nil
	}
	refused, err := client.ProduceWithResponse(ctx, topic, nil, order, wrong)
	check(err == nil && refused.ApplicationproblemJSONDefault.ErrorCode == 40101, refused)
}

func check(holds bool, found any) {
	if !holds {
		panic(fmt.Sprint(found))
	}
}
