package http_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	bind "github.com/hudrl/hudrl/bindings/http"
	"github.com/hudrl/hudrl/runtime"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/echo":
			w.Header().Set("X-Two", "a")
			w.Header().Add("X-Two", "b")
			io.WriteString(w, r.Method+" "+r.Header.Get("X-Mine")+" "+r.Header.Get("Authorization")+" "+string(body))
		case "/redirect":
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		case "/big":
			io.WriteString(w, strings.Repeat("x", 2000))
		case "/headers":
			w.Header().Set("X-Long", strings.Repeat("x", 2<<20))
		case "/bomb": // a megabyte of zeros in a kilobyte
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, 1<<20))
			z.Close()
		case "/slow":
			select {
			case <-r.Context().Done():
			case <-release:
			}
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	defer close(release)
	host := strings.TrimPrefix(server.URL, "http://")
	rt, err := runtime.New(runtime.Config{
		Modules:      []runtime.Module{{Name: "hud.http", Open: bind.Open, Needs: bind.Needs}},
		Capabilities: runtime.Capabilities{Hosts: []string{host, "127.0.0.1:1"}},
		Limits:       runtime.Limits{StringBytes: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	for _, c := range []struct{ src, want, fails string }{
		{`r = http.get(url .. "/echo", {headers = {["X-Mine"] = "m"}}) return r.status .. r.body .. r.headers["x-two"]`, "200GET m  a, b", ""},
		{`return http.post(url .. "/echo", "text").body`, "POST   text", ""},
		{`return http.request{method = "put", url = url .. "/echo", body = "b"}.body`, "PUT   b", ""},
		{`r = http.get(url .. "/redirect") return r.status .. r.headers.location`, "302http://example.com/", ""},
		{`return tostring(http.get(url .. "/none").status)`, "404", ""},

		{`http.get("http://example.com/")`, "", "get: this script may not reach example.com:80"},
		{`http.get("https://127.0.0.1/")`, "", "get: this script may not reach 127.0.0.1:443"},
		{`http.get("http://localhost:" .. port)`, "", "may not reach localhost:"},
		{`http.get("ftp://" .. url)`, "", "want an http or https address"},
		{`http.get("file:///etc/passwd")`, "", "want an http or https address"},
		{`http.get((url:gsub("//", "//user:pass@")))`, "", "a name and password in an address"},
		{`http.get(url .. "/big")`, "", "string size"},
		{`http.get(url .. "/bomb")`, "", "string size"},
		{`http.get(url .. "/headers")`, "", "server response headers exceeded"},
		{`http.get(url .. "/slow", {timeout = 0.05})`, "", "get: GET " + server.URL + "/slow: no answer within 0.05 s"},
		{`http.get(url, {timeout = -1})`, "", "timeout: got -1, want seconds above 0"},
		{`http.get(url, {headers = {Host = "x"}})`, "", `headers: Host cannot be set to "x"`},
		{`http.get(url, {headers = {A = "x\r\nB: y"}})`, "", "headers: A cannot be set"},
		{`http.request{method = "CONNECT", url = url}`, "", `method: got "CONNECT"`},
		{`http.get("http://127.0.0.1:1/")`, "", "get: GET http://127.0.0.1:1/: "},
	} {
		out, err := rt.Eval(context.Background(), `http, url, port = require "hud.http", "`+server.URL+`", "`+strings.Split(host, ":")[1]+`" `+c.src)
		got := ""
		if len(out) > 0 {
			got, _ = out[0].(string)
		}
		if c.fails == "" && (err != nil || got != c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.src, got, err, c.want)
		}
		if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: got %v, want %q", c.src, err, c.fails)
		}
	}
}

// A stop of the script stops a request that waits.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	defer server.Close()
	rt, err := runtime.New(runtime.Config{
		Modules:      []runtime.Module{{Name: "hud.http", Open: bind.Open, Needs: bind.Needs}},
		Capabilities: runtime.Capabilities{Hosts: []string{strings.TrimPrefix(server.URL, "http://")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	go func() {
		<-arrived
		rt.Interrupt(nil)
	}()
	if _, err := rt.Eval(context.Background(), `pcall(require("hud.http").get, "`+server.URL+`") while true do end`); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
}
