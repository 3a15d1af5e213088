package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/local"
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
			return failed("create failed", err)
		}
		if *asJSON {
			return a.printJSON(model)
		}
		a.printNew("Created", model)
		return nil
	})
}

func (a *app) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export MODEL DIR",
		Short: "write a model for other tools",
		Long: `Writes the weights of MODEL's head (or of a checkpoint: MODEL/step-0012) as
model.safetensors beside a config.json of LlamaForCausalLM, which other tools
read.`,
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
			return failed("export failed", err)
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
			return failed("gc failed", err)
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
