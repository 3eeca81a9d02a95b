//! The Rhai host: [`Host`] is an engine for a session, which runs playbooks and single lines.
//!
//! Scripts see the handles `onprem`, `online`, `entra`, `cloud` and `inputs` everywhere, also inside their functions;
//! what they can call is in [`native`](crate::native). Everything here runs on the engine's own thread, see
//! [`on_engine_thread`].

mod apart;
pub mod bundle;
pub mod catalog;
mod check;
pub mod conversation;
mod meant;
pub mod playbook;
mod resolver;
mod thread;
pub mod throw;

pub use crate::native::cloud::properties as cloud_properties;
pub use crate::native::run::AskStep;
pub use bundle::Bundle;
pub use catalog::{Catalog, HANDLES};
pub use check::{Finding, Severity, check_script, needs};
pub use conversation::{
    ANSWER, Inside, Memory, Shape, Variable, is_expression, is_unfinished, shape,
};
pub use playbook::Playbook;
pub use thread::EngineThread;
pub use throw::{Frame, ScriptFailure};

use crate::failure::{Failure, FailureKind};
use crate::native::cloud::CloudHandle;
use crate::native::run::{Inputs, ReadFile, RunPlaybook, StepChoice, Surroundings, WriteFile};
use crate::native::{self, Entra, Exchange, convert};
use crate::session::event::{Event, Level};
use crate::session::{Session, Side};
use crate::subject::Plane;
use crate::value::{Value, snake_case};
use crate::words::{did_you_mean, quoted};
use conversation::Conversation;
use resolver::Resolver;
use rhai::packages::{Package as _, StandardPackage};
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, Module, NativeCallContext, OptimizationLevel, Position,
    Scope, Shared, Token,
};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use throw::Known;

/// The size of the stack of the engine's thread.
const STACK: usize = 32 << 20;

/// How many operations one playbook or one line may take. A playbook that goes through 10,000 objects takes some ten
/// million; this many take about half a minute, in which no service is asked anything, so only a loop without end comes
/// so far. Whoever sits there stops it sooner.
const MOST_OPERATIONS: u64 = 500_000_000;

/// What a host is made with, besides the session and the bundle.
#[derive(Clone, Default)]
pub struct HostOptions {
    /// The inputs as they were given; texts are converted to the type that the playbook says.
    pub inputs: BTreeMap<String, Value>,
    /// The steps, by id or by the name of their playbook, that are to run; empty for all.
    pub only: Vec<String>,
    /// The step, by id or by the name of its playbook, to start at.
    pub start_at: Option<String>,
    /// Asks before each step, where that is wanted.
    pub ask_step: Option<AskStep>,
    /// Reads files for scripts, where that is granted.
    pub read_file: Option<ReadFile>,
    /// Writes files for scripts, where that is granted.
    pub write_file: Option<WriteFile>,
}

/// An engine for a session.
pub struct Host {
    engine: RwLock<Engine>,
    session: Arc<Session>,
    bundle: Bundle,
    given: Mutex<BTreeMap<String, Value>>,
    options: HostOptions,
    inputs: Inputs,
    sources: Sources,
    surroundings: Arc<Surroundings>,
    conversation: Mutex<Conversation>,
}

/// A module that a line imported, under its alias.
type Import = (String, Shared<Module>);

/// The texts of the scripts that were compiled, by the name that positions refer to.
#[derive(Clone, Default)]
pub(crate) struct Sources(Arc<Mutex<HashMap<String, String>>>);

impl Sources {
    fn add(&self, id: &str, text: &str) {
        locked(&self.0).insert(id.to_owned(), text.to_owned());
    }

    fn get(&self, id: &str) -> Option<String> {
        locked(&self.0).get(id).cloned()
    }

    fn all(&self) -> Vec<String> {
        locked(&self.0).values().cloned().collect()
    }
}

/// The handles without what they stand for: the compiler has to know their names, since it refuses unknown variables.
fn names_of_handles() -> Scope<'static> {
    let mut scope = Scope::new();
    for handle in HANDLES {
        scope.push_dynamic(handle.name, Dynamic::UNIT);
    }
    scope
}

impl Host {
    /// Makes an engine for a session.
    ///
    /// # Errors
    ///
    /// Kind `Internal`, when the engine could not be made.
    pub fn new(
        session: Arc<Session>,
        bundle: Bundle,
        options: HostOptions,
    ) -> Result<Arc<Self>, Failure> {
        let (inputs, sources) = (Inputs::default(), Sources::default());
        Ok(Arc::new_cyclic(|host: &std::sync::Weak<Self>| {
            let host = host.clone();
            let run_playbook: RunPlaybook = Arc::new(
                move |call: &NativeCallContext, name: &str| match host.upgrade() {
                    Some(host) => host.run_included(call, name),
                    None => Err(native::throw(Failure::new(
                        FailureKind::Internal,
                        "the host of the script is gone",
                    ))),
                },
            );
            let surroundings = Arc::new(Surroundings {
                session: session.clone(),
                choice: StepChoice::new(options.only.clone(), options.start_at.clone()),
                ask_step: options.ask_step.clone(),
                read_file: options.read_file.clone(),
                write_file: options.write_file.clone(),
                run_playbook,
            });
            let mut engine = engine(&session, &inputs, surroundings.clone());
            engine.set_module_resolver(Resolver::new(bundle.clone(), sources.clone()));
            Self {
                engine: RwLock::new(engine),
                session,
                bundle,
                given: Mutex::new(options.inputs.clone()),
                options,
                inputs,
                sources,
                surroundings,
                conversation: Mutex::default(),
            }
        }))
    }
}

impl Host {
    /// Runs a playbook from its top.
    ///
    /// # Errors
    ///
    /// What the script threw and did not catch, with the place.
    pub fn run(&self, playbook: &Playbook) -> Result<(), ScriptFailure> {
        self.check_steps(playbook)?;
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        self.prepare(playbook, true)?;
        let id = playbook.id();
        self.run_source(&engine, playbook)
            .map_err(|error| self.explain(&engine, &id, &error))
    }

    /// Evaluates lines of script and gives the value; variables and functions are kept for the next lines.
    ///
    /// # Errors
    ///
    /// What the lines threw and did not catch, with the place.
    pub fn eval(&self, text: &str) -> Result<Value, ScriptFailure> {
        let value = self.eval_dynamic("", text)?;
        Ok(described(&value)?.map_or_else(|| convert::to_value(&value), Ok)?)
    }

    /// Evaluates lines as [`eval`](Self::eval) does, for a person who looks at the value: what only a script can hold is
    /// told in words, and `it` is the value from then on. Places in the lines are called by `id`, the file that they are
    /// from.
    ///
    /// # Errors
    ///
    /// As [`eval`](Self::eval).
    pub fn eval_to_show(&self, id: &str, text: &str) -> Result<Value, ScriptFailure> {
        let value = self.eval_dynamic(id, text)?;
        let shown = match described(&value)? {
            Some(object) => object,
            None => convert::to_value(&value)
                .unwrap_or_else(|_| Value::Text(convert::type_word(&value).to_owned())),
        };
        locked(&self.conversation).answer(value);
        Ok(shown)
    }

    fn eval_dynamic(&self, id: &str, text: &str) -> Result<Dynamic, ScriptFailure> {
        let (value, imports) = {
            let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
            self.inputs.add(locked(&self.given).clone());
            self.sources.add(id, text);
            self.eval_lines(&engine, id, text)
                .map_err(|error| self.explain(&engine, id, &error))?
        };
        let mut engine = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        for (alias, module) in imports {
            engine.register_static_module(alias, module);
        }
        Ok(value)
    }

    /// The names of the variables that lines of script made so far.
    pub fn variables(&self) -> Vec<String> {
        let variables = self.describe_variables().into_iter();
        variables.map(|variable| variable.name).collect()
    }

    /// The variables that lines of script made so far, with what they hold.
    pub fn describe_variables(&self) -> Vec<Variable> {
        locked(&self.conversation).variables()
    }

    /// The functions that lines of script made so far: the name, and how it is called.
    pub fn functions(&self) -> Vec<(String, String)> {
        locked(&self.conversation).functions()
    }

    /// The aliases of the modules that lines imported so far, with their paths.
    pub fn imports(&self) -> Vec<(String, String)> {
        locked(&self.conversation).imports.clone()
    }

    /// The session that it speaks through.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The names of the inputs that scripts see.
    pub fn input_names(&self) -> Vec<String> {
        self.inputs.names()
    }

    /// What kind of value is there inside a variable, and the names of its properties.
    pub fn inspect(&self, variable: &str, path: &[Inside]) -> Option<(&'static str, Vec<String>)> {
        locked(&self.conversation).inspect(variable, path)
    }

    /// What the conversation knows now, to go back to: a line that was only planned must leave no trace.
    pub fn remember(&self) -> Memory {
        locked(&self.conversation).remember()
    }

    /// Goes back to what the conversation knew.
    pub fn recall(&self, memory: Memory) {
        locked(&self.conversation).recall(memory);
    }

    /// Takes these inputs for the playbooks that are run from now on.
    pub fn give(&self, inputs: BTreeMap<String, Value>) {
        *locked(&self.given) = inputs;
    }

    fn eval_lines(
        &self,
        engine: &Engine,
        id: &str,
        text: &str,
    ) -> Result<(Dynamic, Vec<Import>), Box<EvalAltResult>> {
        let mut conversation = locked(&self.conversation);
        let Conversation {
            scope,
            functions,
            imports,
            ..
        } = &mut *conversation;
        // The compiler asks for names only, and the values may be large.
        let mut known = names_of_handles();
        for (name, constant, _) in scope.iter_raw() {
            match constant {
                true => known.push_constant_dynamic(name, Dynamic::UNIT),
                false => known.push_dynamic(name, Dynamic::UNIT),
            };
        }
        let mut lines = apart::compile(engine, &known, without_shebang(text), "prompt", functions)?;
        lines.set_source(id);
        let program = functions.merge(&lines);
        let length = scope.len();
        let result = engine.eval_ast_with_scope::<Dynamic>(scope, &program);
        if result.is_err() {
            scope.rewind(length);
        }
        let value = result?;
        *functions = program.clone_functions_only();
        let mut modules = Vec::new();
        for (path, alias) in playbook::imports(&lines) {
            let resolver = engine.module_resolver();
            if let Ok(module) = resolver.resolve(engine, None, &path, Position::NONE) {
                imports.retain(|(known, _)| *known != alias);
                imports.push((alias.clone(), path));
                modules.push((alias, module));
            }
        }
        Ok((value, modules))
    }

    /// Runs a playbook that another one names, in the engine of the call.
    fn run_included(&self, call: &NativeCallContext, name: &str) -> native::Thrown<()> {
        let playbook = self
            .bundle
            .playbook(name)
            .map_err(|failed| native::throw(failed.failure))?;
        self.prepare(&playbook, false).map_err(native::throw)?;
        self.session
            .announce(&Event::PlaybookStarted {
                name: playbook.name.clone(),
                title: playbook.title.clone(),
            })
            .map_err(native::throw)?;
        self.run_source(call.engine(), &playbook).map_err(|error| {
            Box::new(EvalAltResult::ErrorInModule(
                playbook.id(),
                error,
                call.call_position(),
            ))
        })
    }

    fn run_source(&self, engine: &Engine, playbook: &Playbook) -> Result<(), Box<EvalAltResult>> {
        let id = playbook.id();
        self.sources.add(&id, &playbook.source);
        let text = without_shebang(&playbook.source);
        let program = apart::compile(engine, &names_of_handles(), text, &id, &AST::empty())?;
        let choice = &self.surroundings.choice;
        choice.enter(&playbook.name);
        let result = engine.run_ast_with_scope(&mut Scope::new(), &program);
        choice.leave();
        result
    }

    /// Checks cloud and inputs of a playbook and makes the inputs visible to it.
    fn prepare(&self, playbook: &Playbook, outermost: bool) -> Result<(), Failure> {
        if !playbook.clouds.is_empty() {
            let cloud = self.session.addresses()?.cloud();
            if !playbook.clouds.contains(&cloud) {
                let words: Vec<&str> = playbook.clouds.iter().map(|cloud| cloud.word()).collect();
                return Err(Failure::input(format!(
                    "the playbook {} is not made for the cloud \"{}\"",
                    playbook.name,
                    cloud.word()
                ))
                .with_hint(format!("it is made for {}", quoted(&words))));
            }
        }
        let mut given = locked(&self.given).clone();
        if outermost {
            self.inputs.replace(playbook.read_inputs(&given)?);
        } else {
            // What the outer playbook made of an input stays; the rest of what was given is not for this one.
            let mut rest = playbook.clone();
            rest.inputs.retain(|input| !self.inputs.has(&input.name));
            given.retain(|name, _| rest.inputs.iter().any(|input| input.name == *name));
            self.inputs.add(rest.read_inputs(&given)?);
        }
        Ok(())
    }

    /// Refuses steps to run or to start at that the playbook does not have.
    fn check_steps(&self, playbook: &Playbook) -> Result<(), Failure> {
        let mut known: Vec<&str> = playbook.includes.iter().map(String::as_str).collect();
        known.extend(playbook.steps.iter().map(|step| step.id.as_str()));
        let mut asked = self.options.only.iter().chain(&self.options.start_at);
        let Some(wanted) = asked.find(|wanted| !known.contains(&wanted.as_str())) else {
            return Ok(());
        };
        let failure = Failure::input(format!(
            "the playbook {} has no step \"{wanted}\"",
            playbook.name
        ));
        // The sides of a run are asked for in the same place as steps, and are found before anything runs.
        let sides = Side::ALL.map(Side::word);
        let near = did_you_mean(wanted, known.iter().copied().chain(sides));
        let all = || format!("it has {}", quoted(&known));
        Err(failure.with_hint(near.unwrap_or_else(all)))
    }

    fn explain(&self, engine: &Engine, id: &str, error: &EvalAltResult) -> ScriptFailure {
        throw::explain(id, error, &self.known(engine))
    }

    fn known<'host>(&'host self, engine: &'host Engine) -> Known<'host> {
        let properties = self.session.properties();
        Known {
            properties: properties.iter().map(|name| snake_case(name)).collect(),
            engine,
            bundle: &self.bundle,
            sources: &self.sources,
        }
    }
}

/// The object that tells what a handle knows without asking anybody; `None` for what is no such handle.
fn described(value: &Dynamic) -> Result<Option<Value>, Failure> {
    if let Some(cloud) = value.read_lock::<CloudHandle>() {
        return cloud.describe().map(|object| Some(Value::Object(object)));
    }
    let inputs = value.read_lock::<Inputs>();
    Ok(inputs.map(|inputs| Value::Object(inputs.describe())))
}

/// Runs something on a thread with the large stack that scripts need, and waits for its end.
///
/// # Errors
///
/// Kind `Internal`, when the thread could not be started or what ran on it panicked.
pub fn on_engine_thread<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("scripts".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, run)
            .map_err(|error| not_started(&error))?;
        thread.join().map_err(|panic| defect(&*panic))
    })
}

fn not_started(error: &io::Error) -> Failure {
    let message = "the thread for scripts could not be started";
    Failure::new(FailureKind::Internal, message).with_detail(error.to_string())
}

fn defect(panic: &(dyn Any + Send)) -> Failure {
    Failure::new(FailureKind::Internal, "the program met a defect of its own")
        .with_detail(thread::text_of(panic))
        .with_hint("please report this with the playbook that was run")
}

/// Makes the engine: functions, handles, limits, hooks.
fn engine(session: &Arc<Session>, inputs: &Inputs, surroundings: Arc<Surroundings>) -> Engine {
    let mut engine = bare_engine();
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    native::register(&mut engine);
    show_handles(&mut engine, session, inputs);
    engine.set_default_tag(Dynamic::from(surroundings));

    let watched = session.clone();
    engine.on_progress(move |_| watched.interrupted().then(|| Dynamic::from("interrupted")));
    let listening = session.clone();
    engine.on_print(move |text| tell(&listening, text.to_owned()));
    let listening = session.clone();
    engine.on_debug(move |text, source, position| {
        let place = source.unwrap_or("prompt");
        tell(&listening, format!("{place}:{position:?}: {text}"));
    });
    engine
}

/// What reads scripts and runs none; it knows no function.
pub(crate) fn parser() -> &'static Engine {
    static PARSER: OnceLock<Engine> = OnceLock::new();
    PARSER.get_or_init(|| limited(Engine::new_raw()))
}

/// An engine that knows the functions of the language, and none of ours.
pub(crate) fn bare_engine() -> Engine {
    // There are thousands, and engines can share them.
    static LANGUAGE: OnceLock<Shared<Module>> = OnceLock::new();
    let language = LANGUAGE.get_or_init(|| StandardPackage::new().as_shared_module());
    let mut engine = limited(Engine::new_raw());
    engine
        .set_max_strings_interned(256)
        .register_global_module(Shared::clone(language));
    engine
}

/// Sets every limit, since those of debug and release builds differ.
fn limited(mut engine: Engine) -> Engine {
    engine
        .disable_symbol("eval")
        .set_optimization_level(OptimizationLevel::None)
        .set_max_operations(MOST_OPERATIONS)
        .set_max_call_levels(64)
        .set_max_expr_depths(128, 64)
        .set_max_string_size(16 << 20)
        .set_max_array_size(100_000)
        // Rhai counts the keys of all maps inside a value: an answer of 10,000 objects with 100 properties each fits.
        .set_max_map_size(1_000_000)
        .set_max_variables(2_000)
        .set_max_functions(2_000)
        .set_max_modules(200);
    map_tokens(&mut engine, |token, _| token);
    engine
}

/// Reads words of a script as others, by what they are and where.
fn map_tokens(engine: &mut Engine, map: impl Fn(Token, Position) -> Token + Send + Sync + 'static) {
    #[expect(
        deprecated,
        reason = "Rhai marks what may change so, and the version is pinned"
    )]
    engine.on_parse_token(move |token, position, _| match token {
        // A header says `default: ...`, and Rhai keeps the word for a use that it does not have yet.
        Token::Reserved(word) if word.as_str() == "default" => Token::Identifier(word),
        token => map(token, position),
    });
}

/// Makes the handles visible everywhere, also inside functions and closures of modules.
///
/// Variables of a global module are not captured by closures, so a resolver gives them where no variable of the script
/// has the name.
fn show_handles(engine: &mut Engine, session: &Arc<Session>, inputs: &Inputs) {
    let handles: HashMap<&str, Dynamic> = HashMap::from([
        (
            "onprem",
            Dynamic::from(Exchange::new(Plane::OnPremises, session.clone())),
        ),
        (
            "online",
            Dynamic::from(Exchange::new(Plane::ExchangeOnline, session.clone())),
        ),
        ("entra", Dynamic::from(Entra::new(session.clone()))),
        ("cloud", Dynamic::from(CloudHandle::new(session.clone()))),
        ("inputs", Dynamic::from(inputs.clone())),
    ]);
    #[expect(
        deprecated,
        reason = "Rhai marks what may change so, and the version is pinned"
    )]
    engine.on_var(move |name, index, context| {
        let of_the_script = index > 0 || context.scope().contains(name);
        Ok(handles.get(name).filter(|_| !of_the_script).cloned())
    });
}

fn tell(session: &Session, text: String) {
    let said = Event::Said {
        level: Level::Info,
        text,
    };
    if let Err(deaf) = session.announce(&said) {
        tracing::warn!(%deaf, "a message was not heard");
    }
}

/// Empties a first line that starts with `#!`.
fn without_shebang(text: &str) -> &str {
    match text.starts_with("#!") {
        true => text.find('\n').map_or("", |end| &text[end..]),
        false => text,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit itself takes too long for a test, so it is looked at, and tried with a lower one.
    #[test]
    fn a_loop_without_end_ends_and_cannot_catch_that() {
        let mut engine = bare_engine();
        assert_eq!(engine.max_operations(), MOST_OPERATIONS);
        engine.set_max_operations(10_000);
        for line in [
            "loop {}",
            "loop { try { loop {} } catch {} }",
            "fn again(x) { loop { x += 1; } } again(0)",
            "let f = || { loop {} }; f.call()",
        ] {
            let error = engine.eval::<Dynamic>(line).unwrap_err();
            assert!(
                matches!(
                    error.unwrap_inner(),
                    EvalAltResult::ErrorTooManyOperations(_)
                ),
                "{line}: {error}"
            );
        }
        let honest = "let sum = 0; for number in 0..1000 { sum += number; } sum";
        assert_eq!(engine.eval::<i64>(honest).unwrap(), 499_500);
    }
}
