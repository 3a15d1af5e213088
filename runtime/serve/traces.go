package serve

import (
	"net/http"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// tracer is the service's, if it keeps traces.
func (h *handler) tracer(op string) (hud.Tracer, error) {
	if t, ok := h.svc.(hud.Tracer); ok {
		return t, nil
	}
	return nil, &hud.Error{Op: op, Code: hud.CodeNotFound, Status: http.StatusNotFound, Detail: "this service keeps no traces"}
}

// enterJob accepts a job: traces name theirs.
func (h *handler) enterJob(w http.ResponseWriter, r *http.Request) error {
	if _, err := h.tracer("enter_job"); err != nil {
		return err
	}
	err := body(r, "enter_job", func(j *httpjson.Reader) error {
		return j.Fields(
			httpjson.Field{Name: "name", Read: j.Skip},
			httpjson.Field{Name: "group", Read: j.Skip},
			httpjson.Field{Name: "taskset_id", Read: j.Skip},
		)
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct{}{})
}

func (h *handler) enterTrace(w http.ResponseWriter, r *http.Request) error {
	tracer, err := h.tracer("enter_trace")
	if err != nil {
		return err
	}
	t := hud.TraceEnter{TraceID: r.PathValue("trace")}
	err = body(r, "enter_trace", func(j *httpjson.Reader) error {
		return j.Fields(
			httpjson.Field{Name: "job_id", Read: httpjson.Into(&t.JobID, j.String)},
			httpjson.Field{Name: "group_id", Read: httpjson.Into(&t.GroupID, j.String)},
			httpjson.Field{Name: "task_slug", Read: httpjson.Into(&t.TaskSlug, j.String)},
			httpjson.Field{Name: "model", Read: httpjson.Into(&t.Model, j.String)},
			httpjson.Field{Name: "parent_trace_id", Read: j.Skip}, // traces are kept one by one
		)
	})
	if err == nil {
		err = tracer.EnterTrace(lasting(r), t)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct{}{})
}

func (h *handler) exitTrace(w http.ResponseWriter, r *http.Request) error {
	tracer, err := h.tracer("exit_trace")
	if err != nil {
		return err
	}
	t := hud.TraceExit{TraceID: r.PathValue("trace")}
	err = body(r, "exit_trace", func(j *httpjson.Reader) error {
		return j.Fields(
			httpjson.Field{Name: "status", Required: true, Read: httpjson.Into(&t.Status, j.String)},
			httpjson.Field{Name: "reward", Read: func() error {
				v, err := j.Float()
				t.Reward = &v
				return err
			}},
			httpjson.Field{Name: "stop_reason", Read: httpjson.Into(&t.StopReason, j.String)},
			httpjson.Field{Name: "error", Read: httpjson.Into(&t.Error, j.String)},
			httpjson.Field{Name: "evaluation_result", Read: j.Skip},
			httpjson.Field{Name: "metadata", Read: j.Skip},
		)
	})
	if err == nil {
		err = tracer.ExitTrace(lasting(r), t)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct{}{})
}
