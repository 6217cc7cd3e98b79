-- Types into another Neovim (listening on $SUBJECT) as a user would, key by key, while a mission changes the same
-- files, and writes what came of it to $OUT as JSON. $SERVER is the command of the server, $OPTIONS its settings.
-- Every burst of keys is a text of its own, so that each can be looked for afterwards.

local FILES, LINES = 10, 20

local seen = { bursts = {}, texts = {} }
local subject

local function wait(what, ms, condition)
  if not vim.wait(ms, condition, 10) then
    error("waited in vain for " .. what)
  end
end

local function lua(code, ...)
  return vim.rpcrequest(subject, "nvim_exec_lua", code, { ... })
end

local function name(n)
  return ("file%d.txt"):format(n)
end

local SETUP = [[
  local server, options, files = ...
  vim.o.swapfile = false
  vim.o.hidden = true
  for n = 0, files - 1 do
    vim.cmd.edit(("file%d.txt"):format(n))
  end
  local id = vim.lsp.start({ name = "podium", cmd = server, root_dir = vim.fn.getcwd(), init_options = options })
  _G.client = assert(vim.lsp.get_client_by_id(id))
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    vim.lsp.buf_attach_client(buffer, id)
  end
  _G.answers = {}
  function _G.execute(key, command, argument)
    local params = { command = command, arguments = { argument } }
    client:request("workspace/executeCommand", params, function(failure, result)
      answers[key] = failure and { failure = failure.message } or result
    end)
  end
]]

-- What a command answers; the subject goes on meanwhile.
local function answer(key)
  local found
  wait(key, 60000, function()
    found = lua("return answers[...]", key)
    return found ~= vim.NIL
  end)
  assert(not found.failure, found.failure)
  return found
end

local function execute(key, command, argument)
  lua("execute(...)", key, command, argument)
  return answer(key)
end

local function texts()
  local found = {}
  for n = 0, FILES - 1 do
    found[name(n)] = lua("return vim.api.nvim_buf_get_lines(vim.fn.bufnr(...), 0, -1, false)", name(n))
  end
  return found
end

local function press(keys)
  vim.rpcrequest(subject, "nvim_input", keys)
  vim.wait(3, function() return false end) -- a fast typist: the pace, which nothing depends on
end

-- Type a text of its own at the end of the line that begins with `anchor`, in insert mode, letter by letter.
local function burst(file, anchor)
  local number = #seen.bursts + 1
  local text = ("«%d:grüße🐻%d»"):format(number, number)
  press((":buffer %s<CR>"):format(file))
  press(("gg/^%s\\><CR>"):format(anchor))
  press("A")
  for _, letter in ipairs(vim.fn.split(text, "\\zs")) do
    press(letter)
  end
  press("<Esc>")
  table.insert(seen.bursts, { file = file, anchor = anchor, text = text })
end

local function everything_is_typed()
  press(":let g:typed = 1<CR>")
  wait("the keys to be typed", 20000, function() return lua("return vim.g.typed") == 1 end)
end

local function drive()
  wait("the other Neovim", 10000, function()
    local ok, channel = pcall(vim.fn.sockconnect, "pipe", vim.env.SUBJECT, { rpc = true })
    subject = ok and channel or nil
    return ok and channel > 0
  end)
  lua(SETUP, vim.json.decode(vim.env.SERVER), vim.json.decode(vim.env.OPTIONS), FILES)
  wait("initialize", 20000, function() return lua("return client.initialized") == true end)

  local mission = execute("task", "podium.task", { goal = "Correct every word" })
  lua("execute(...)", "ended", "podium.wait", { missionId = mission.missionId, timeoutS = 40 })
  -- Every line once, those of the words and beside them too; after that, only lines far from any word.
  local k = 0
  while lua("return answers.ended") == vim.NIL do
    local file, line = k % FILES, (k * 7) % LINES
    local near = line >= 8 and line <= 12
    if k < FILES * LINES or not near then
      burst(name(file), line == 10 and "\\(word\\|WORLD\\) " .. file or "line " .. line)
    end
    k = k + 1
    assert(k < 5000, "the mission does not end")
  end
  everything_is_typed()
  seen.mission = answer("ended")
  if seen.mission.endedAt == 0 then -- a change waits, because its lines were typed into
    execute("cancel", "podium.cancel", { missionId = mission.missionId })
  end
  seen.texts = texts()

  -- What the server holds, as it says itself: the excerpt that a review is about.
  seen.reviews = {}
  for n = 0, FILES - 1 do
    local whole = { start = { line = 0, character = 0 }, ["end"] = { line = 10000, character = 0 } }
    local review = { uri = vim.uri_from_fname(vim.fn.getcwd() .. "/" .. name(n)), range = whole }
    seen.reviews[name(n)] = execute("review" .. n, "podium.review", review).missionId
    execute("reviewed" .. n, "podium.wait", { missionId = seen.reviews[name(n)], timeoutS = 30 })
  end

  seen.undone = execute("undo", "podium.undo", { missionId = mission.missionId })
  seen.texts_undone = texts()

  lua("client:stop()")
  wait("the server's end", 10000, function() return lua("return client:is_stopped()") == true end)
  seen.stopped = true
end

local ok, problem = xpcall(drive, debug.traceback)
seen.problem = not ok and problem or nil
local file = assert(io.open(vim.env.OUT, "w"))
file:write(vim.json.encode(seen))
file:close()
if subject then
  pcall(vim.rpcnotify, subject, "nvim_command", "qall!")
end
vim.cmd(ok and "qall!" or "cquit!")
