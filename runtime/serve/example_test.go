package serve_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A service for other programs, until the context ends: OpenAI's API is below
// /v1, HUD's beside it.
func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- serve.Run(ctx, ln, hudtest.NewFake(), serve.Options{APIKey: "secret"}) }()

	req, err := http.NewRequest("GET", "http://"+ln.Addr().String()+"/v1/models", nil)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	fmt.Println(res.Status, strings.Contains(string(body), hudtest.FakeModel), err)
	stop()
	fmt.Println(<-ended)
	// Output:
	// 200 OK true <nil>
	// <nil>
}
