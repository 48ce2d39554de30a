-- Asks Gantry about a request, for haproxy.cfg.
--
-- A yes is kept in variables of the transaction: txn.gantry_yes, and of what takes the place of the client's fields txn.gantry_user_id,
-- txn.gantry_auth_token and txn.gantry_cookie as far as they are not empty. Everything else is a no, and answered to the client.

-- These are about the connection and the body, neither of which the question has.
local NOT_ASKED = {
    ["connection"] = true,
    ["content-length"] = true,
    ["expect"] = true,
    ["keep-alive"] = true,
    ["proxy-connection"] = true,
    ["te"] = true,
    ["trailer"] = true,
    ["transfer-encoding"] = true,
    ["upgrade"] = true,
}

-- What is between Gantry and here, and what is made anew for the client.
local NOT_ANSWERED = {
    ["connection"] = true,
    ["content-length"] = true,
    ["keep-alive"] = true,
    ["transfer-encoding"] = true,
    ["x-gantry-problem"] = true,
}

-- Milliseconds; Gantry may have to ask Rocket.Chat for credentials first.
local PATIENCE = 15000

-- HAProxy counts values of a field from 0, and asks for them counted from 1.
local function values(field)
    local all = {}
    local at = field[0] and 0 or 1
    while field[at] do
        table.insert(all, field[at])
        at = at + 1
    end
    return all
end

local function ask(url, secret, question, mark)
    local fields = {}
    for name, all in pairs(question) do
        fields[name] = all
    end
    fields["x-gantry-secret"] = { secret }
    fields["x-gantry-retry"] = mark and { mark } or nil
    return core.httpclient():get{ url = url, headers = fields, timeout = PATIENCE }
end

-- The value of a field of an answer; nil for an empty one.
local function told(answer, name)
    local field = answer.headers and answer.headers[name]
    local value = field and values(field)[1]
    return value ~= "" and value or nil
end

local function refuse(txn, status, answer)
    local reply = txn:reply{ status = status }
    for name, field in pairs(answer.headers or {}) do
        if not NOT_ANSWERED[name] then
            for _, value in ipairs(values(field)) do
                reply:add_header(name, value)
            end
        end
    end
    reply:set_body(answer.body or "")
    txn:done(reply)
end

core.register_action("gantry", { "http-req" }, function(txn, url, secret)
    local question = {}
    for name, field in pairs(txn.http:req_get_headers()) do
        if not NOT_ASKED[name] then
            question[name] = values(field)
        end
    end
    question["x-original-method"] = { txn.sf:method() }
    question["x-original-uri"] = { txn.sf:pathq() }
    local answer = ask(url, secret, question)
    if answer.status ~= 200 then
        -- What is no refusal is no answer of Gantry's.
        local known = answer.status and answer.status >= 400
        return refuse(txn, known and answer.status or 503, known and answer or {})
    end
    for name, variable in pairs({
        ["x-user-id"] = "txn.gantry_user_id",
        ["x-auth-token"] = "txn.gantry_auth_token",
        ["cookie"] = "txn.gantry_cookie",
    }) do
        local value = told(answer, name)
        if value then
            txn:set_var(variable, value)
        end
    end
    txn:set_priv({ question = question, mark = told(answer, "x-gantry-retry") })
    txn:set_var("txn.gantry_yes", true)
end, 2)

core.register_action("gantry_again", { "http-res" }, function(txn, url, secret)
    local asked = txn:get_priv()
    if not asked or not asked.mark then
        return
    end
    local answer = ask(url, secret, asked.question, asked.mark)
    local status = answer.status or 0
    if status == 200 then
        txn:set_var("txn.gantry_again", 307)
    elseif status ~= 401 and status ~= 403 then
        -- There may be new ones soon: a 401 would tell the client that it is logged out.
        txn:set_var("txn.gantry_again", 503)
    end
end, 2)
