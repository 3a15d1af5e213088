package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/local"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "say which hudrl this is",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.Stdout, "hudrl %s (%s, %s/%s, %s kernels)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, local.Kernels())
			return nil
		},
	}
}

// version is the module's version, with the commit when built from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
