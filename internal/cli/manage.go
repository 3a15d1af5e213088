package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/repl"
)

// These commands exist for the embedded service only.

func (a *app) createCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create NAME --shape SHAPE",
		Short:   "make a model with random weights, to pretrain",
		Example: "  hudrl models create base --shape nano --grad-clip 1 --seed 7",
		Args:    exactArgs("NAME"),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	var o local.CreateOptions
	shape := choice{want: []string{"nano", "mini"}}
	flags.Var(&shape, "shape", "`SHAPE`: nano (0.36 M parameters) or mini (0.84 M)")
	shape.complete(cmd, "shape")
	flags.Float64Var(&o.GradClip, "grad-clip", 0, "scale gradients of a larger norm down to `X` before each step (default: never)")
	flags.Uint64Var(&o.Seed, "seed", 0, "draw the weights from seed `N`")
	asJSON := flags.Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		if o.Shape = shape.value; o.Shape == "" {
			return &usageError{"hudrl models create: missing --shape", "nano or mini"}
		}
		o.Name = args[0]
		embedded, err := svc.embedded("hudrl models create")
		if err != nil {
			return err
		}
		model, err := embedded.Create(a.ctx, o)
		if err != nil {
			return failed("Create failed", err)
		}
		if *asJSON {
			return a.printJSON(model)
		}
		a.printNew("Created", model)
		return nil
	})
}

func (a *app) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import PATH --name NAME",
		Short: "make a model of exported weights",
		Long: `Reads what "hudrl models export" wrote, from a directory or a safetensors
file, on this machine or another, and makes a model of it that can be trained.
Weights of other tools need a config.json of a LlamaForCausalLM beside them and
the tokens of the embedded models: the 256 bytes, then eight markers.`,
		Example: "  hudrl models import ./mine --name again",
		Args:    exactArgs("PATH"),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	name := flags.StringP("name", "n", "", "the new model's `NAME`")
	clip := flags.Float64("grad-clip", 0, "scale gradients of a larger norm down to `X` before each step, 0 for never (default: as the file says)")
	asJSON := flags.Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		if *name == "" {
			return &usageError{"hudrl models import: missing --name", "say how to call the model: --name mine"}
		}
		o := local.ImportOptions{Name: *name, Path: a.path(args[0])}
		if flags.Changed("grad-clip") {
			o.GradClip = clip
		}
		embedded, err := svc.embedded("hudrl models import")
		if err != nil {
			return err
		}
		model, err := embedded.Import(a.ctx, o)
		if err != nil {
			return failed("Import failed", err)
		}
		if *asJSON {
			return a.printJSON(model)
		}
		a.printNew("Imported", model)
		return nil
	})
}

func (a *app) removeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rm MODEL",
		Short: "remove a model and its checkpoints for good",
		Long: `Removes MODEL with its whole tree. Its files stay until "hudrl models gc".
A model that others were forked from is refused, and so is a base model.`,
		Example: "  hudrl models rm mine --yes",
		Args:    exactArgs("MODEL"),
	}
	flags := cmd.Flags()
	yes := flags.BoolP("yes", "y", false, "do not ask")
	asJSON := flags.Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		embedded, err := svc.embedded("hudrl models rm")
		if err != nil {
			return err
		}
		model, list, err := a.checkpoints(svc, args[0])
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s and its %s", model.ModelName, counted(len(list), "checkpoint"))
		if !*yes {
			sure, err := a.confirm("Remove " + what + " for good?")
			if err != nil {
				return err
			}
			if !sure {
				fmt.Fprintln(a.Stderr, "Nothing was removed")
				return nil
			}
		}
		result, err := embedded.Remove(a.ctx, model.ID)
		if err != nil {
			return failed("rm failed", err)
		}
		if *asJSON {
			return a.printJSON(result)
		}
		fmt.Fprintf(a.Stdout, "Removed %s\n", what)
		return nil
	})
}

// confirm asks somebody who is there; nobody else said yes.
func (a *app) confirm(question string) (bool, error) {
	if a.Terminal == nil {
		return false, &usageError{question + " nobody is there to ask", "--yes says so"}
	}
	t, err := a.Terminal()
	if err != nil {
		return false, failed("cannot ask", err)
	}
	defer t.Close()
	answer, err := t.Prompt(question + " [y/N] ")
	switch {
	case errors.Is(err, repl.ErrAborted):
		return false, errInterrupted
	case err != nil && !errors.Is(err, io.EOF):
		return false, failed("cannot ask", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (a *app) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export MODEL DIR",
		Short: "write a model for other tools",
		Long: `Writes the weights of MODEL's head (or of a checkpoint: MODEL/step-0012) as
model.safetensors beside a config.json of LlamaForCausalLM, which other tools
read. The weights' file alone is all that "hudrl models import" needs.`,
		Example: "  hudrl models export mine ./mine --dtype bf16",
		Args:    exactArgs("MODEL", "DIR"),
	}
	dtype := choice{"f32", []string{"f32", "bf16"}}
	cmd.Flags().Var(&dtype, "dtype", "`TYPE` of the numbers: f32 or bf16")
	dtype.complete(cmd, "dtype")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		embedded, err := svc.embedded("hudrl models export")
		if err != nil {
			return err
		}
		dir := a.path(args[1])
		if err := embedded.Export(a.ctx, args[0], dir, dtype.value); err != nil {
			return failed("Export failed", err)
		}
		if *asJSON {
			return a.printJSON(map[string]string{"model": args[0], "dir": dir, "dtype": dtype.value})
		}
		fmt.Fprintf(a.Stdout, "Exported %s to %s\n", args[0], dir)
		return nil
	})
}

func (a *app) gcCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "remove weights that nothing refers to",
		Long: `Drops weights and optimizer moments that retention no longer keeps, and the
files nothing refers to. Checkpoint rows stay.`,
		Args: exactArgs(),
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, _ []string) error {
		embedded, err := svc.embedded("hudrl models gc")
		if err != nil {
			return err
		}
		result, err := embedded.GC(a.ctx)
		if err != nil {
			return failed("GC failed", err)
		}
		if *asJSON {
			return a.printJSON(result)
		}
		fmt.Fprintf(a.Stdout, "Removed %d files, %s; kept %d, %s\n",
			result.Files, humanBytes(result.Bytes), result.KeptFiles, humanBytes(result.KeptBytes))
		return nil
	})
}

// humanBytes writes a size for a person: 9.5 MiB.
func humanBytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
