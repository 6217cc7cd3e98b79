-- Edits the plan of a running mission in an unmodified Neovim as a user would, and writes what came of it to $OUT
-- as JSON. $SERVER is the command of the server, $OPTIONS its settings.

local seen = { asked = 0 }

local function wait(what, ms, condition)
  if not vim.wait(ms, condition, 20) then
    error("waited in vain for " .. what)
  end
end

local function drive()
  vim.o.swapfile = false
  vim.ui.select = function(_, _, choose)
    seen.asked = seen.asked + 1
    choose(nil)
  end
  vim.cmd.edit("one.txt")
  local id = assert(vim.lsp.start({
    name = "podium",
    cmd = vim.json.decode(vim.env.SERVER),
    root_dir = vim.fn.getcwd(),
    init_options = vim.json.decode(vim.env.OPTIONS),
  }))
  local client = assert(vim.lsp.get_client_by_id(id))
  wait("initialize", 20000, function() return client.initialized end)

  local function request(method, params)
    local done, failure, result
    client:request(method, params, function(e, r) done, failure, result = true, e, r end)
    wait(method, 60000, function() return done end)
    assert(not failure, failure and failure.message)
    return result
  end

  local function execute(command, argument)
    return request("workspace/executeCommand", { command = command, arguments = { argument } })
  end

  local mission = { missionId = execute("podium.task", { goal = "Correct the words" }).missionId }
  local question
  wait("the question", 60000, function()
    question = execute("podium.show", mission).questions[1]
    return question
  end)

  vim.cmd.edit((".podium/missions/%s/plan.md"):format(mission.missionId))
  local plan = vim.api.nvim_get_current_buf()
  vim.lsp.buf_attach_client(plan, id)
  local function lines()
    return vim.api.nvim_buf_get_lines(plan, 0, -1, false)
  end
  local function shows(text)
    return function() return table.concat(lines(), "\n"):find(text, 1, true) ~= nil end
  end
  wait("the running task", 20000, shows("- [/] **t1** Correct one"))
  wait("the waiting mission", 20000, shows(": waiting"))

  -- A tick by hand, a new task, and a line that is no task.
  vim.cmd([[%substitute/\[ \] \*\*t2\*\*/[x] **t2**/]])
  vim.api.nvim_buf_set_lines(plan, -1, -1, false, { "- [ ] Write three", "  files: three.txt", "  needs: t1", "and" })
  local function said()
    return vim.tbl_map(function(d) return { d.lnum, d.message } end, vim.diagnostic.get(plan))
  end
  wait("both diagnostics", 10000, function() return #said() == 2 end)
  seen.said = said()
  vim.cmd("write!")
  vim.api.nvim_buf_set_lines(plan, -2, -1, false, {})
  seen.tasks_before = execute("podium.show", mission).tasks
  vim.cmd("write!")
  wait("the new task's id", 10000, shows("- [ ] **u1** Write three"))
  wait("the box of the second task", 10000, shows("- [ ] **t2** Correct two"))
  local at = { textDocument = { uri = vim.uri_from_bufnr(plan) } }
  seen.symbols = vim.tbl_map(function(s) return s.name end, request("textDocument/documentSymbol", at))

  execute("podium.answer", { questionId = question.id, answer = "yes" })
  seen.mission = execute("podium.wait", mission)
  wait("the end in the plan", 10000, shows("The mission has ended"))
  seen.plan = lines()

  client:stop()
  wait("the server's end", 10000, function() return client:is_stopped() end)
  seen.stopped = true
end

local ok, problem = xpcall(drive, debug.traceback)
seen.problem = not ok and problem or nil
local file = assert(io.open(vim.env.OUT, "w"))
file:write(vim.json.encode(seen))
file:close()
vim.cmd(ok and "qall!" or "cquit!")
