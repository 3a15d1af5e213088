// Package scripts embeds the ready-to-run training scripts, for programs that
// run without a checkout.
package scripts

import "embed"

// FS holds every script by its file name.
//
//go:embed *.lua
var FS embed.FS
