package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/stdlib"
)

// What the shell offers at Tab. Nothing is made and nothing is reported: a
// data directory that cannot be read has no names to offer.

// completeScript offers Lua files for the first argument; what follows is the
// script's own.
func completeScript(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return []string{"lua"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// completeName offers what hudrl doc knows.
func completeName(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, e := range stdlib.Entries() {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}

// completeModel offers the models for the first argument, and files for a
// second one where there is any.
func (a *app) completeModel(f *serviceFlags, then cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, then
		}
		var names []string
		a.peek(f, func(svc *local.Service) {
			models, _ := svc.Models(a.ctx)
			for _, m := range models {
				names = append(names, m.ModelName)
			}
		})
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeCheckpoint offers the checkpoints of the model named before.
func (a *app) completeCheckpoint(f *serviceFlags) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		a.peek(f, func(svc *local.Service) {
			if len(args) == 0 {
				return
			}
			model, err := svc.Resolve(a.ctx, args[0])
			if err != nil {
				return
			}
			list, _ := svc.Checkpoints(a.ctx, model.ID)
			for _, c := range list {
				names = append(names, checkpointName(c))
			}
		})
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// peek calls look with the embedded service, opened for reading. Nothing is
// asked of a service over the network.
func (a *app) peek(f *serviceFlags, look func(*local.Service)) {
	if f.choice(a) != localName {
		return
	}
	dir, err := a.dataDir(f.data)
	if err != nil {
		return
	}
	svc, err := local.Open(dir, local.Options{ReadOnly: true})
	if err != nil {
		return
	}
	defer svc.Close()
	look(svc)
}
