package fs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings/fs"
	host "github.com/hudrl/hudrl/runtime"
)

// A place is a directory with what a script may read, may write and must not
// reach.
func place(t *testing.T) (dir string, run func(src string) (string, error)) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"in/a.txt": "alpha\n", "in/sub/b.txt": "beta", "in/.env": "HUD_API_KEY=k-secret", "in/sub/.env": "X=k-secret",
		"out/old.txt": "old", "secret.txt": "k-secret", "home/keys": "k-secret", "in/big": strings.Repeat("x", 2000),
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	rt, err := host.New(host.Config{
		Modules: []host.Module{{Name: "hud.fs", Open: fs.Open, Needs: fs.Needs}},
		Capabilities: host.Capabilities{
			ReadRoots: []string{filepath.Join(dir, "in"), filepath.Join(dir, "home")}, WriteRoots: []string{filepath.Join(dir, "out")},
			Secrets: []string{filepath.Join(dir, "home", "keys")},
		},
		Limits: host.Limits{StringBytes: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	return dir, func(src string) (string, error) {
		out, err := rt.Eval(context.Background(), `fs = fs or require "hud.fs" `+src)
		if err != nil || len(out) == 0 {
			return "", err
		}
		text, _ := out[0].(string)
		return text, nil
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir, run := place(t)
	if runtime.GOOS != "windows" {
		for link, to := range map[string]string{
			"in/out-link": "../secret.txt", "in/dir-link": "..", "in/env-link": ".env", "home/key-link": "keys", "in/fine-link": "a.txt", "in/sub-env-link": "sub/.env",
			"out/link": "../secret.txt",
		} {
			if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Link(filepath.Join(dir, "home/keys"), filepath.Join(dir, "in/hard-link")); err != nil {
			t.Fatal(err)
		}
	}
	quote := func(name string) string { return "'" + filepath.ToSlash(filepath.Join(dir, name)) + "'" }
	cases := []struct{ src, want, fails string }{
		{`return fs.read("a.txt")`, "alpha\n", ""},
		{`return fs.read("sub/../a.txt")`, "alpha\n", ""},
		{`return fs.read(` + quote("in/sub/b.txt") + `)`, "beta", ""},
		{`return table.concat(fs.list("sub"), " ")`, ".env b.txt", ""},
		{`return fs.list()[#fs.list()]`, "sub/", ""},
		{`return tostring(fs.stat("a.txt").size) .. tostring(fs.stat("sub").dir) .. tostring(fs.stat("nothing"))`, "6truenil", ""},
		{`fs.write(` + quote("out/new.txt") + `, "new") return fs.read(` + quote("out/new.txt") + `)`, "new", ""},
		{`fs.write(` + quote("out/old.txt") + `, "newer") fs.append(` + quote("out/old.txt") + `, "!") return fs.read(` + quote("out/old.txt") + `)`, "newer!", ""},
		{`fs.mkdir(` + quote("out/d/e") + `) fs.write(` + quote("out/d/e/f") + `, "") fs.remove(` + quote("out/d/e/f") + `) return table.concat(fs.list(` + quote("out/d") + `))`, "e/", ""},

		{`fs.read("nothing")`, "", "read: nothing: no such file or directory"},
		{`fs.read("../secret.txt")`, "", "read: this script may not read ../secret.txt"},
		{`fs.read(` + quote("secret.txt") + `)`, "", "this script may not read"},
		{`fs.read("/etc/passwd")`, "", "this script may not read /etc/passwd"},
		{`fs.read("sub")`, "", "not a regular file"},
		{`fs.read("")`, "", `path: got "", want the name of a file`},
		{`fs.read("a\0b")`, "", "want the name of a file"},
		{`fs.read("big")`, "", "string size"},
		{`fs.read(".env")`, "", "scripts never see files that hold keys"},
		{`fs.read("sub/.ENV")`, "", "read: "},
		{`fs.read("sub/.env")`, "", "scripts never see files that hold keys"},
		{`fs.read(` + quote("home/keys") + `)`, "", "scripts never see files that hold keys"},
		{`fs.write("a.txt", "x")`, "", "write: this script may not write a.txt"},
		{`fs.write(` + quote("out/.env") + `, "HUD_API_URL=http://elsewhere")`, "", "scripts never touch files that hold keys"},
		{`fs.remove(` + quote("out") + `)`, "", "it is the directory that the host allows"},
		{`fs.remove("a.txt")`, "", "this script may not write a.txt"},
		{`fs.mkdir(` + quote("out/old.txt/x") + `)`, "", "mkdir: "},
	}
	if runtime.GOOS != "windows" {
		for _, link := range []string{"out-link", "dir-link/secret.txt", "env-link", "sub-env-link", "hard-link"} {
			cases = append(cases, struct{ src, want, fails string }{`fs.read("` + link + `")`, "", "read: " + link})
		}
		cases = append(cases, []struct{ src, want, fails string }{
			{`fs.read(` + quote("home/key-link") + `)`, "", "scripts never see files that hold keys"},
			{`return fs.read("fine-link")`, "alpha\n", ""},
			{`fs.append(` + quote("out/link") + `, "x")`, "", "append: "},
		}...)
	}
	for _, c := range cases {
		got, err := run(c.src)
		if c.fails == "" && (err != nil || got != c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.src, got, err, c.want)
		}
		if c.fails != "" && (err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "in/", ""), c.fails)) {
			t.Errorf("%s: got %q, %v, want %q", c.src, got, err, c.fails)
		}
		if err != nil && strings.Contains(err.Error(), "k-secret") {
			t.Errorf("%s: the error shows a key: %v", c.src, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "secret.txt")); string(text) != "k-secret" {
		t.Errorf("the file outside is %q, %v", text, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "out", "*.part")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A pipe is refused at once: opening it would wait for a writer.
func TestPipe(t *testing.T) {
	t.Parallel()
	dir, run := place(t)
	if err := pipe(filepath.Join(dir, "in", "pipe")); err != nil {
		t.Log(err) // nothing to test on this system
		return
	}
	for src, want := range map[string]string{`fs.read("pipe")`: "not a regular file", `fs.list("pipe")`: "not a directory"} {
		if _, err := run(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", src, err, want)
		}
	}
}

// What shows this process's environment shows its key.
func TestProc(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("nothing to test on this system")
		return
	}
	rt, err := host.New(host.Config{
		Modules:      []host.Module{{Name: "hud.fs", Open: fs.Open, Needs: fs.Needs}},
		Capabilities: host.Capabilities{ReadRoots: []string{"/"}, WriteRoots: []string{"/"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	for _, call := range []string{`read("/proc/self/environ")`, `read("/proc/thread-self/environ")`, `append("/proc/self/comm", "x")`} {
		if _, err := rt.Eval(context.Background(), `require "hud.fs".`+call); err == nil || !strings.Contains(err.Error(), "scripts never touch files that show processes") {
			t.Errorf("%s: got %v", call, err)
		}
	}
}

func TestWithheld(t *testing.T) {
	t.Parallel()
	if fs.Needs(host.Capabilities{}) == "" || fs.Needs(host.Capabilities{WriteRoots: []string{"."}}) != "" {
		t.Error("the module exists without a directory, or does not with one")
	}
}
