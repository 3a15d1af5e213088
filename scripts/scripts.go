// Package scripts carries the ready-to-run training scripts, so that the
// hudrl binary can list, run and copy them without a checkout.
package scripts

import "embed"

// FS holds every script by its file name.
//
//go:embed *.lua
var FS embed.FS
