-- Drives an unmodified Neovim 0.11 the way a user would, and writes what it saw to $OUT as JSON.
-- $SERVER is the command of the server; the folder is the current directory.

local seen = { progress = {}, prompts = {} }

local function write_out()
  local file = assert(io.open(vim.env.OUT, "w"))
  file:write(vim.json.encode(seen))
  file:close()
end

local function wait(what, ms, condition)
  if not vim.wait(ms, condition, 20) then
    error("waited in vain for " .. what)
  end
end

local function drive()
  vim.o.swapfile = false
  vim.ui.select = function(items, options, choose)
    table.insert(seen.prompts, options.prompt)
    choose(nil)
  end
  vim.api.nvim_create_autocmd("LspProgress", {
    callback = function(event)
      local value = event.data.params.value
      table.insert(seen.progress, { token = event.data.params.token, kind = value.kind, title = value.title })
    end,
  })

  vim.cmd.edit("calc.py")
  local buffer = vim.api.nvim_get_current_buf()
  local id = assert(vim.lsp.start({
    name = "podium",
    cmd = vim.json.decode(vim.env.SERVER),
    root_dir = vim.fn.getcwd(),
    init_options = { model = "builtin/repair" },
  }))
  local client = assert(vim.lsp.get_client_by_id(id))
  wait("initialize", 20000, function() return client.initialized end)

  local function request(method, params, ms)
    local done, failure, result
    client:request(method, params, function(e, r) done, failure, result = true, e, r end, buffer)
    wait(method, ms or 10000, function() return done end)
    if failure then
      error(method .. ": " .. failure.message)
    end
    return result
  end

  local function execute(command, argument, token)
    local params = { command = command, arguments = { argument }, workDoneToken = token }
    return request("workspace/executeCommand", params, 60000)
  end

  -- The user types, and does not save.
  vim.api.nvim_buf_set_lines(buffer, -1, -1, false, { "", "", "def greeting(name):", '    return "Grüße, " + name' })

  -- A review: the failing test becomes a diagnostic of the test's buffer.
  local review = execute("podium.review", vim.empty_dict())
  seen.review = execute("podium.wait", { missionId = review.missionId, timeoutS = 50 })
  local test_buffer = vim.fn.bufadd("test_calc.py")
  wait("diagnostics", 10000, function() return #vim.diagnostic.get(test_buffer) > 0 end)
  seen.diagnostics = {}
  for _, diagnostic in ipairs(vim.diagnostic.get(test_buffer)) do
    local raw = diagnostic.user_data.lsp
    table.insert(seen.diagnostics, {
      line = diagnostic.lnum, message = diagnostic.message, code = diagnostic.code, source = diagnostic.source,
      data = raw.data,
    })
    local actions = request("textDocument/codeAction", {
      textDocument = { uri = vim.uri_from_bufnr(test_buffer) },
      range = raw.range,
      context = { diagnostics = { raw } },
    })
    seen.actions = vim.tbl_map(function(action) return { action.title, action.command.command } end, actions)
  end

  -- A task: its change arrives in the buffer, beside what the user typed.
  local task = execute("podium.task", { goal = "make the failing test pass" }, "of-neovim")
  seen.task = execute("podium.wait", { missionId = task.missionId, timeoutS = 50 })
  seen.buffer = vim.api.nvim_buf_get_lines(buffer, 0, -1, false)
  seen.modified = vim.bo[buffer].modified
  wait("the end of all progress", 5000, function()
    local open = {}
    for _, report in ipairs(seen.progress) do
      open[report.token] = report.kind ~= "end" or nil
    end
    return next(open) == nil
  end)

  client:stop()
  wait("the server's end", 10000, function() return client:is_stopped() end)
  seen.stopped = true
end

local ok, problem = xpcall(drive, debug.traceback)
seen.problem = not ok and problem or nil
write_out()
vim.cmd(ok and "qall!" or "cquit!")
