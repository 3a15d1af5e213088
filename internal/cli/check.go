package cli

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/check"
)

func (a *app) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE…",
		Short: "find mistakes in scripts without running them",
		Long: `Reads Lua scripts, all of a directory's where one is named, and says what
cannot be right: syntax errors, undefined globals, names, options and losses that
hud does not have, arguments of the wrong type, locals nobody reads, statements
that are never reached, tensors compared with < or handed to math, a step without
group_size on grouped runs, gradients that no step applies. The exit code is 5
when something was found. A comment with the word nocheck excuses its line, and a
name that begins with _ is one that nobody need read.`,
		Example: `  hudrl check train.lua
  hudrl check scripts --json`,
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.ValidArgsFunction = completeScript
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{"hudrl check: missing FILE", "a script's name, a directory, or - for standard input"}
		}
		return nil
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		files, err := a.scripts(args)
		if err != nil {
			return err
		}
		found := []check.Problem{}
		for _, file := range files {
			name, source, _, err := a.readScript(file)
			if err != nil {
				return err
			}
			found = append(found, check.Source(name, source, check.Options{})...)
		}
		return a.printProblems(found, len(files), *asJSON)
	}
	return cmd
}

// scripts are the files that names mean: those in a directory for one.
func (a *app) scripts(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		if strings.HasSuffix(name, ".lua") || name == "-" {
			files = append(files, name)
			continue
		}
		before := len(files)
		err := fs.WalkDir(a.DirFS(a.path(name)), ".", func(at string, d fs.DirEntry, err error) error {
			switch {
			case err != nil && at == ".":
				files = append(files, name) // no directory: reading it says why
			case err != nil:
				return err
			case d.IsDir() && at != "." && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case !d.IsDir() && strings.HasSuffix(at, ".lua") && !strings.HasSuffix(at, ".d.lua"):
				files = append(files, filepath.Join(name, filepath.FromSlash(at)))
			}
			return nil
		})
		if err != nil {
			return nil, usagef("cannot read %s: %v", name, err)
		}
		if len(files) == before {
			return nil, usagef("no Lua files in %s", name)
		}
	}
	return files, nil
}

// printProblems prints what was found; anything makes the exit code.
func (a *app) printProblems(found []check.Problem, files int, asJSON bool) error {
	style := a.style()
	if asJSON {
		if err := a.printJSON(found); err != nil {
			return err
		}
	}
	for _, p := range found {
		if asJSON {
			break
		}
		fmt.Fprintln(a.Stdout, p)
		if text := strings.TrimSpace(p.Text); text != "" {
			fmt.Fprintf(a.Stdout, "  %s %s\n", style.Dim(fmt.Sprintf("%d |", p.Line)), text)
		}
		if p.Hint != "" {
			fmt.Fprintf(a.Stdout, "  %s %s\n", style.Yellow("hint:"), p.Hint)
		}
	}
	if len(found) > 0 {
		return &runtime.ExitError{Code: exitCheck}
	}
	if !asJSON {
		noun := "files"
		if files == 1 {
			noun = "file"
		}
		fmt.Fprintf(a.Stdout, "%d %s: nothing found\n", files, noun)
	}
	return nil
}
