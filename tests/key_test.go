//go:build unix

package tests

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

const sentinel = "hud-5e4t1ne1-0f-4ll-k3ys"

// leaks reports whether text shows the key, as it is or encoded.
func leaks(text string) bool {
	for _, form := range []string{
		sentinel, url.QueryEscape(sentinel), hex.EncodeToString([]byte(sentinel)),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(sentinel)), "=")[:20], sentinel[4:20],
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// keySeeker tries whatever a script can to see the key, and prints everything it
// gets hold of.
const keySeeker = `
local hud = require "hud"
local seen = {}
local function show(v, depth)
  if type(v) == "table" or type(v) == "userdata" then
    if seen[v] or depth > 6 then return end
    seen[v] = true
    print(tostring(v))
    for _, name in ipairs { "message", "hint", "code", "status", "traceback", "source", "detail", "api_key", "key", "settings", "headers", "client", "service" } do
      local ok, field = pcall(function() return v[name] end)
      if ok and field ~= nil then print(name, tostring(field)) show(field, depth + 1) end
    end
    if type(v) == "table" then for k, e in pairs(v) do show(k, depth + 1) show(e, depth + 1) end end
    show(getmetatable(v), depth + 1)
  else
    print(v)
  end
end
local function try(f, ...)
  local results = { pcall(f, ...) }
  show(results, 0)
  hud.log.warn("tried", { result = tostring(results[2]) })
  return results[2]
end
for name in ("HUD_API_KEY hud_api_key Hud_Api_Key HUD_API_URL HUDRL_PARENT TINKER_API_KEY HOME"):gmatch "%S+" do
  try(function() return hud.env.get(name) end)
end
try(function() return hud.env.names() end)
local home = arg[1]
for path in (".env ./.env sub/../.env link hard sub/.env sub/link " .. home .. "/.hud/.env " .. home .. "/keys " .. home
    .. "/.hud/../.hud/.env /proc/self/environ /proc/thread-self/environ /proc/1/environ /proc/self/cmdline " .. home .. "/.bash_history"):gmatch "%S+" do
  try(function() return hud.fs.read(path) end)
  try(function() return hud.fs.stat(path) end)
  try(function() return hud.dataset(path) end)
  try(function() return hud.tensor.load(path) end)
  try(require, (path:gsub("%.env$", ".env")))
end
try(function() return hud.fs.list(".") end)
try(function() return hud.fs.write(".env", "HUD_API_URL=http://" .. arg[3]) end)
for i = 1, 4 do
  try(hud.models.list)
  try(hud.models.resolve, "nobody")
  try(hud.models.fork, "hudrl/nano", "mine")
  local trainer = try(hud.TrainingClient, "mine")
  if type(trainer) == "userdata" or type(trainer) == "table" then
    local batch = { { reward = 1, samples = { { prompt_token_ids = { 5, 6 }, output_token_ids = { 7, 8 }, output_logprobs = { -1, -1 } } } } }
    try(function() return trainer:forward_backward(batch, { loss_fn = "cross_entropy" }) end)
    try(function() return trainer:optim_step { learning_rate = 1e-3 } end)
    try(function() return trainer:checkpoints() end)
    try(function() return trainer:recover() end)
    try(function() return trainer:available_losses() end)
  end
  try(function() return hud.chat { model = "mine", messages = { { role = "user", content = "What is your key?" } }, max_tokens = 4 } end)
end
-- what belongs to somebody else never sees it
for _, address in ipairs { "http://" .. arg[2], "http://" .. arg[3] } do
  for _, options in ipairs { { base_url = address }, { api_url = address }, { base_url = address, api_url = address }, { base_url = address, api_key = "mine" } } do
    try(hud.TrainingClient, "mine", options)
    try(function() return hud.TrainingClient("mine", options):optim_step { learning_rate = 1e-3 } end)
  end
  try(function() return hud.http.get(address .. "/get", { headers = { Authorization = "mine" } }) end)
  try(function() return hud.http.post(address .. "/post", "text") end)
end
show(_G, 0)
try(function() return hud.nothing end)
local co = coroutine.create(function() error(hud.models) end)
show({ coroutine.resume(co) }, 0)
xpcall(function() hud.TrainingClient("mine", { no = 1 }) end, show)
io.open(".env")
`

// An echo answers with what it was asked, headers included, in every form that
// an answer can have.
func echo(elsewhere string, asked *[]string, mu *sync.Mutex) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		mu.Lock()
		*asked = append(*asked, string(dump))
		mu.Unlock()
		answer := func(status int, v any) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Echo", r.Header.Get("Authorization"))
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(v)
		}
		said := r.Method + " " + r.URL.String() + " " + fmt.Sprint(r.Header)
		switch n.Add(1) % 7 {
		case 0:
			answer(400, map[string]any{"detail": said})
		case 1:
			answer(422, map[string]any{"detail": []any{map[string]any{"loc": []any{"header", said}, "msg": said, "type": "value_error"}}})
		case 2:
			answer(403, map[string]any{"detail": map[string]any{"message": said, "hint": said}})
		case 3:
			http.Redirect(w, r, "http://"+elsewhere+"/took?"+url.QueryEscape(said), http.StatusTemporaryRedirect)
		case 4:
			io.WriteString(w, "<html>"+said)
		case 5:
			answer(404, said)
		default:
			answer(409, map[string]any{"error": map[string]any{"message": said, "code": said}})
		}
	}
}

// The key of the training service is seen nowhere but by the service: not in a
// script, in what it prints, in errors, logs, recordings, journals or profiles.
func TestKeyIsNeverSeen(t *testing.T) {
	t.Parallel()
	svc, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { svc.Close() })
	var mu sync.Mutex
	var known, strange []string
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		mu.Lock()
		strange = append(strange, string(dump))
		mu.Unlock()
		http.Error(w, string(dump), http.StatusBadRequest)
	}))
	t.Cleanup(stranger.Close)
	other := strings.TrimPrefix(stranger.URL, "http://")
	echoing := httptest.NewServer(echo(other, &known, &mu))
	t.Cleanup(echoing.Close)
	good := httptest.NewServer(serve.Handler(svc, serve.Options{APIKey: sentinel}))
	t.Cleanup(good.Close)

	for _, c := range []struct {
		name, service string
		how           []string
	}{
		{"echo", echoing.URL, []string{"run", "-v"}},
		{"service", good.URL, []string{"run", "-v"}},
		{"isolated", good.URL, []string{"run", "-v", "--isolate"}},
		{"echo isolated", echoing.URL, []string{"run", "--isolate"}},
		{"repl", good.URL, []string{"repl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, home := t.TempDir(), t.TempDir()
			for _, d := range []string{filepath.Join(dir, "sub"), filepath.Join(home, ".hud")} {
				if err := os.Mkdir(d, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			secret := "HUD_API_KEY=" + sentinel + "\n"
			write(t, dir, ".env", secret)
			write(t, dir, "sub/.env", secret)
			write(t, home, ".hud/.env", secret)
			for _, link := range []error{
				os.Symlink(".env", filepath.Join(dir, "link")), os.Link(filepath.Join(dir, ".env"), filepath.Join(dir, "hard")),
				os.Symlink("../.env", filepath.Join(dir, "sub/link")), os.Symlink(".hud/.env", filepath.Join(home, "keys")),
			} {
				if link != nil {
					t.Fatal(link)
				}
			}
			write(t, dir, "seek.lua", keySeeker)
			args := slices.Concat(c.how, []string{"--service", c.service, "--data", filepath.Join(home, "data"), "--seed", "1",
				"--allow-read", "/", "--allow-write", ".", "--allow-env", "HUD_API_KEY", "--allow-env", "HOME", "--allow-env", "hud_api_key", "--allow-env", "HUDRL_PARENT",
				"--allow-net", other, "--allow-net", strings.TrimPrefix(c.service, "http://")})
			if c.how[0] == "run" {
				args = append(args, "--record", filepath.Join(dir, "rec.jsonl"), "--profile", filepath.Join(dir, "p.pb.gz"))
			}
			args = append(args, "seek.lua", home, other, strings.TrimPrefix(c.service, "http://"))
			cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{hudrlMain}, args...)...)
			cmd.Dir = dir
			cmd.Env = []string{"HOME=" + home, "HUD_API_KEY=" + sentinel, "HUD_API_URL=" + c.service, "HTTP_PROXY=" + stranger.URL, "http_proxy=" + stranger.URL}
			var out, errs bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("print(arg)\nerror(require('hud').models.resolve('x'))\n"), &out, &errs
			_ = cmd.Run() // the script ends in an error
			if !strings.Contains(out.String(), "traceback") || len(out.String()) < 10_000 {
				t.Errorf("the script did not get far: printed %d bytes, %s", out.Len(), errs.String())
			}
			for name, text := range map[string]string{"standard output": out.String(), "standard error": errs.String()} {
				if leaks(text) {
					t.Errorf("%s shows the key: %s", name, lineWithKey(text))
				}
			}
			for _, root := range []string{dir, home} {
				_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
					if err != nil || !d.Type().IsRegular() || d.Name() == ".env" || d.Name() == "hard" {
						return err
					}
					text, err := os.ReadFile(path)
					if err != nil {
						t.Error(err)
					}
					if z, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
						text, _ = io.ReadAll(z)
					}
					if leaks(string(text)) {
						t.Errorf("%s shows the key: %s", path, lineWithKey(string(text)))
					}
					return nil
				})
			}
		})
	}
	t.Cleanup(func() { // when all have ended
		mu.Lock()
		defer mu.Unlock()
		if !slices.ContainsFunc(known, leaks) {
			t.Error("the service was never shown the key")
		}
		for _, text := range strange {
			if leaks(text) {
				t.Errorf("somebody else was shown the key: %s", text)
			}
		}
		if len(strange) == 0 {
			t.Error("nobody else was asked")
		}
	})
}

func lineWithKey(text string) string {
	for line := range strings.Lines(text) {
		if leaks(line) {
			return shorten(line)
		}
	}
	return ""
}
