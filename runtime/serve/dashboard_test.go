package serve_test

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A shelf is a catalog of given models and trees; nothing else of it is called.
type shelf struct {
	hud.Service
	models []hud.Model
	trees  map[string][]hud.Checkpoint
	err    error
}

func (s *shelf) Models(context.Context) ([]hud.Model, error) { return s.models, s.err }

func (s *shelf) Resolve(_ context.Context, name string) (hud.Model, error) {
	for _, m := range s.models {
		if m.ID == name {
			return m, nil
		}
	}
	return hud.Model{}, &hud.Error{Op: "resolve", Code: hud.CodeNotFound, Detail: "no model " + name, Hint: "look at the list"}
}

func (s *shelf) Checkpoints(_ context.Context, id string) ([]hud.Checkpoint, error) {
	return s.trees[id], s.err
}

func browse(h http.Handler, path string, header ...string) (status int, page string, got http.Header) {
	d := &desk{Handler: h}
	w := d.send(http.MethodGet, path, "", header...)
	return w.Code, w.Body.String(), w.Header()
}

const hostile = `<script>alert("&")</script>`

// trained is a tree: steps 1 to 3, of which 3 is the head, and 4 that was
// trained from 1 and left.
func trained() []hud.Checkpoint {
	reward, rate, datums := 0.5, 1e-4, 8
	tree := []hud.Checkpoint{
		{ID: "c1", Name: "step-0001", Step: 1, MeanReward: &reward, LearningRate: &rate, NumDatums: &datums, Metrics: map[string]float64{"grad_norm": 2}},
		{ID: "c4", Name: "step-0004", Step: 4, PrevModelCheckpointID: "c1"},
		{ID: "c2", Name: hostile, Step: 2, PrevModelCheckpointID: "c1", Metrics: map[string]float64{"grad_norm": 3, hostile: 1}},
		{ID: "c3", Name: "step-0003", Step: 3, PrevModelCheckpointID: "c2", IsActive: true, LossFn: hostile, MeanReward: &reward, Metrics: map[string]float64{"grad_norm": 1}},
	}
	for i := range tree {
		tree[i].CreatedAt = time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
	}
	return tree
}

func library() *shelf {
	return &shelf{
		models: []hud.Model{
			{ID: "m1", ModelName: "team/sums", IsTrainable: true, Provider: hud.Provider{Name: "local"}},
			{ID: "m2", ModelName: hostile, IsTrainable: true},
			{ID: "m3", ModelName: "frozen"},
			{ID: "a/b ?", ModelName: "odd", IsTrainable: true},
		},
		trees: map[string][]hud.Checkpoint{"m1": trained(), "a/b ?": trained()},
	}
}

// Every page is whole, names what it is about, runs nothing, and leads only to
// pages that are there.
func TestDashboard(t *testing.T) {
	t.Parallel()
	h := serve.Handler(library(), serve.Options{})
	for _, tt := range []struct {
		path   string
		status int
		want   []string
		charts int
	}{
		{"/", 200, []string{"team/sums", "frozen", "at step-0003", "4 checkpoints", "reward 0.500", "at its base weights", "0 under way"}, 2},
		{"/dashboard/m1", 200, []string{"▶", "step-0004", "├─ ", "0.0001", "2026-01-01 00:00:03", "mean reward", "grad_norm"}, 3},
		{"/dashboard/m2", 200, []string{"No checkpoints yet"}, 0},
		{"/dashboard/a%2Fb%20%3F", 200, []string{"odd", "step-0003"}, 3},
		{"/dashboard/none", 404, []string{"no model none", "look at the list"}, 0},
	} {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			status, page, header := browse(h, tt.path)
			if status != tt.status {
				t.Fatalf("got %d, want %d: %s", status, tt.status, page)
			}
			text := html.UnescapeString(page)
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("want %q in\n%s", want, page)
				}
			}
			if n := strings.Count(page, "<svg "); n != tt.charts {
				t.Errorf("got %d charts, want %d", n, tt.charts)
			}
			if strings.Contains(strings.ToLower(page), "<script") {
				t.Error("got a script")
			}
			if policy := header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self'") {
				t.Errorf("got the policy %q", policy)
			}
			wellFormed(t, page)
			for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
				if status, _, _ := browse(h, html.UnescapeString(link[1])); status != 200 {
					t.Errorf("the link %s: got %d", link[1], status)
				}
			}
			for _, address := range regexp.MustCompile(`(?:https?:)?//[a-z]+\.[^"' ]*`).FindAllString(page, -1) {
				if address != "http://www.w3.org/2000/svg" {
					t.Errorf("got the address %s", address)
				}
			}
		})
	}
}

// wellFormed reads a page as XML: it leaves no element open.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
	}
}

// A browser is asked for the key as a password; every other client still shows
// it as a bearer token.
func TestDashboardKey(t *testing.T) {
	t.Parallel()
	h := serve.Handler(library(), serve.Options{APIKey: "secret"})
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
	}
	for _, tt := range []struct {
		path, authorization string
		status              int
		asks                string
	}{
		{"/", "", 401, "Basic "},
		{"/dashboard/m1", basic("wrong"), 401, "Basic "},
		{"/", basic("secret"), 200, ""},
		{"/dashboard/m1", basic("secret"), 200, ""},
		{"/dashboard.css", basic("secret"), 200, ""},
		{"/dashboard/m1", "Bearer secret", 200, ""},
		{"/v2/models", basic("secret"), 401, "Bearer"},
	} {
		status, page, header := browse(h, tt.path, "Authorization", tt.authorization)
		if asks := header.Get("WWW-Authenticate"); status != tt.status || !strings.HasPrefix(asks, tt.asks) || tt.asks == "" && asks != "" {
			t.Errorf("%s with %q: got %d and %q, want %d and %q", tt.path, tt.authorization, status, asks, tt.status, tt.asks)
		}
		if strings.Contains(page, "secret") {
			t.Errorf("%s: the key is in the answer", tt.path)
		}
	}
}

// A service that fails is a page that says so, and what is inside stays there.
func TestDashboardFailed(t *testing.T) {
	t.Parallel()
	s := library()
	s.err = errors.New("disk at /secret/path is full")
	for _, path := range []string{"/", "/dashboard/m1"} {
		status, page, _ := browse(serve.Handler(s, serve.Options{}), path)
		if status != 500 || !strings.Contains(page, "the service failed") || strings.Contains(page, "/secret/path") {
			t.Errorf("%s: got %d and %s", path, status, page)
		}
		wellFormed(t, page)
	}
}

// Ten thousand steps of twelve metrics are a page of bounded size.
func TestDashboardLong(t *testing.T) {
	t.Parallel()
	s, prev := library(), ""
	var tree []hud.Checkpoint
	for i := range 10000 {
		c := hud.Checkpoint{ID: fmt.Sprint("c", i), Step: i + 1, PrevModelCheckpointID: prev, IsActive: i == 9999, Metrics: map[string]float64{}}
		for m := range 12 {
			c.Metrics[fmt.Sprint("metric", m)] = float64((i*7919 + m) % 1000)
		}
		tree, prev = append(tree, c), c.ID
	}
	s.trees["m1"] = tree
	status, page, _ := browse(serve.Handler(s, serve.Options{}), "/dashboard/m1")
	if n := strings.Count(page, "<tr"); status != 200 || n != 1001 || !strings.Contains(page, "the latest 1000 of 10000 checkpoints") || !strings.Contains(page, "c9999") {
		t.Errorf("got %d and %d rows", status, n)
	}
	if len(page) > 1<<20 {
		t.Errorf("got %d bytes, want at most 1 MiB", len(page))
	}
}
