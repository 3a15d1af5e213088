// Package log is hud.log: messages to the host's logger.
package log

import (
	"log/slog"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	at := func(name string, level slog.Level) lua.LGFunction {
		return func(L *lua.LState) int {
			a := luax.Read(L, name)
			message := vm.Text(L, a.Value("message"))
			fields := a.OptTable("fields")
			a.End()
			var attrs []slog.Attr
			if fields != nil {
				for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
					attrs = append(attrs, slog.String(a.AsString("fields: key", k), vm.Text(L, v)))
				}
			}
			vm.Logger().LogAttrs(vm.Context(L), level, message, attrs...)
			return 0
		}
	}
	return luax.Module(vm, "hud.log", map[string]lua.LGFunction{
		"debug": at("debug", slog.LevelDebug),
		"info":  at("info", slog.LevelInfo),
		"warn":  at("warn", slog.LevelWarn),
		"error": at("error", slog.LevelError),
	}), nil
}
