//! Codes of the findings of this crate, GP0001 to GP0199. Each has a page under `docs/errors/`.

use glidepath_model::Code;

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($number);)*
        /// Every code with its short title.
        pub const ALL: &[(Code, &str)] = &[$(($name, $title)),*];
    };
}

codes! {
    FILE_UNREADABLE = 1, "A file cannot be read";
    FILE_TOO_LARGE = 2, "A file is too large";
    NOT_UTF8 = 3, "A file is not UTF-8 text";
    YAML_SYNTAX = 4, "A file is not YAML";
    NESTED_TOO_DEEP = 5, "A document is nested too deep";
    TOO_MANY_VALUES = 6, "A file holds too many values";
    TOO_MANY_FILES = 7, "A project has too many files";
    FOLDERS_TOO_DEEP = 8, "Folders are nested too deep";
    NOT_A_FILE = 9, "Something named like a file is not one";
    NOT_A_MAPPING = 10, "A document is not a mapping";
    DUPLICATE_KEY = 11, "A key stands twice";
    UNKNOWN_API_VERSION = 12, "An unknown apiVersion";
    UNKNOWN_KIND = 13, "An unknown kind";
    KIND_NOT_YET = 14, "A kind that this version does not read";
    KEY_NOT_TEXT = 15, "A key is not text";
    CONTROL_CHARACTER = 16, "A text holds a control or invisible character";
    UNKNOWN_FIELD = 20, "An unknown field";
    MISSING_FIELD = 21, "A required field is missing";
    WRONG_SHAPE = 22, "A value has the wrong shape";
    UNKNOWN_CHOICE = 23, "A value is not one of those allowed";
    NO_UNIT = 24, "A number has no unit";
    BAD_DURATION = 25, "A duration cannot be read";
    BAD_SHARE = 26, "A share cannot be read";
    BAD_MONEY = 27, "An amount of money cannot be read";
    BAD_TIME = 28, "A time cannot be read";
    BAD_NUMBER = 29, "A number cannot be read or is out of range";
    BAD_BOOLEAN = 30, "Not true or false";
    BAD_NAME = 31, "Not a name";
    UNKNOWN_PLACEHOLDER = 32, "An unknown placeholder";
    ONE_OF = 33, "Exactly one of several fields must be there";
    BAD_SELECTOR = 34, "Not a metric selector";
    BAD_URL = 35, "Not an address";
    BAD_SECRET = 36, "Not a secret reference";
    EMPTY_VALUE = 38, "An empty list or text";
    BAD_PATH = 39, "A path leads out of the project";
    NO_CONFIG = 40, "A project has no Config";
    TWO_CONFIGS = 41, "A project has two Configs";
    DUPLICATE_NAME = 42, "A name is taken";
    NO_SHARED_STORE = 43, "A shared environment has no shared store";
    UNKNOWN_COMPONENT = 50, "An unknown component";
    UNKNOWN_OWNER = 51, "An unknown owner";
    UNKNOWN_ENVIRONMENT = 52, "An unknown environment";
    UNKNOWN_REGION = 53, "An unknown region";
    PAIR_NOT_MUTUAL = 54, "A region pair is not mutual";
    DEPENDENCY_CYCLE = 55, "Components depend on each other in a circle";
    MISSING_TARGET = 56, "A component has no Target in an environment";
    TWO_TARGETS = 57, "Two Targets for one component in one environment";
    TARGET_LACKS = 58, "A Target lacks what a change needs";
    CLASS_CONFLICT = 59, "Two TargetClasses disagree";
    CLASS_UNUSED = 60, "A TargetClass selects nothing";
    UNKNOWN_SERVICE = 61, "An objective is about an unknown service";
    UNKNOWN_API = 62, "An unknown API";
    UNKNOWN_SYSTEM = 63, "An unknown system";
    HOST_TWICE = 64, "A host stands twice";
    BAD_INVENTORY = 65, "An inventory cannot be used";
    NO_HEALTH = 66, "A Target has no health check";
    UNKNOWN_ANNOTATION = 67, "An unknown annotation";
    BAD_EDGES = 68, "Edge kinds cannot be read";
    UNKNOWN_REHEARSED = 69, "A rehearsal of something unknown";
    COMPANION_UNREADABLE = 70, "A file that another one names cannot be read";
    ITEM_TWICE = 72, "A component stands twice in a change";
    FIELD_OF_OTHER_TYPE = 74, "A field belongs to another type of item";
    SAME_VERSION = 75, "A change from a version to itself";
    BAD_ARTIFACT = 76, "Not an artifact digest";
    SHARE_UNSAID = 77, "A command of a second side does not say what it must";
    SIDE_UNSERVED = 78, "A second side that no router gives its share";
    LOSS_TOO_LARGE = 79, "A failover may lose more than its Target allows";
    STRATEGY_NOT_ALLOWED = 80, "A strategy is not allowed here";
    UNKNOWN_INDICATOR = 81, "An unknown indicator";
    BAD_OBJECTIVE = 82, "An objective cannot be used";
    SHARES_UNFIT = 83, "Shares of the traffic do not make up everything";
    UNKNOWN_TIME_ZONE = 84, "An unknown time zone";
    EMPTY_WINDOW = 85, "A window is empty";
    FREEZE_BACKWARDS = 86, "A freeze ends before it begins";
    FILE_IGNORED = 87, "A file is not read";
    BATCHES_UNFIT = 88, "A backfill cannot be cut into batches";
    RISK_LIMITS_CROSSED = 89, "Limits of risk in the wrong order";
    PLAIN_AND_GATED = 91, "A gated environment that would need no plan";
    TOO_MANY_FINDINGS = 90, "Too many findings";
    PARAMETER_UNFIT = 92, "A parameter of a template stands nowhere, or is none";
    VARIANT_UNFIT = 93, "A variant that cannot be told from another";
    BAD_CONDITION = 100, "A condition cannot be read";
    BAD_LOCK = 101, "A lock cannot be held";
    FIELD_WITHOUT_EFFECT = 102, "A field has no effect on this kind of step";
    FAN_OUT_TOO_LARGE = 103, "A fan-out has too many elements";
    ELEMENT_UNUSED = 104, "A fan-out does the same for every element";
    BAD_PLAN_ID = 105, "Not the id of a plan";
    UNKNOWN_TARGET = 106, "An unknown target";
    PERIOD_UNFIT = 107, "A period of an objective cannot be placed in time";
    SLICES_UNFIT = 108, "Slices of an objective are missing, or have no effect";
    ALERT_UNFIT = 109, "An alert policy cannot be used";
    UNCOUNTED = 110, "The budget of an objective cannot be counted";
    SLA_NOT_LOOSER = 111, "What customers are promised is not looser than what is aimed at";
    VALUES_UNUSABLE = 112, "A figure of a target cannot be compared side against side";
    ACCESS_UNFIT = 113, "How a source of telemetry is asked does not fit together";
    OTHER_SOURCE = 114, "A data source of a kind that is not asked";
    ALERT_USELESS = 115, "An alert that can never fire, or fires for nothing";
    CLIENT_ENGINE = 116, "Commands of PostgreSQL for another database";
    CREDENTIALS_IN_CLEAR = 117, "Credentials of telemetry go in the clear";
    JSON_SOURCE_UNFIT = 118, "A source that answers JSON does not fit what is asked of it";
    THRESHOLD_UNUSABLE = 120, "A threshold cannot be used as it is written";
    CANARY_CONFIG = 121, "A canary config of Kayenta cannot be used";
    CANARY_UNFIT = 122, "When and by whose series a canary config is judged does not fit together";
    CANARY_QUERY = 123, "A query of a canary config cannot be asked";
    MIRROR_UNSAFE = 289, "A mirror could copy more than reads that are vouched for";
}
